import { afterAll, beforeAll, expect, test } from "vitest";
import { openStage, type Stage } from "../support/stage.js";

let stage: Stage;
beforeAll(async () => void (stage = await openStage()));
afterAll(() => stage.close());

test("what is created, edited and deleted without a network is kept, shown and sent later", async () => {
  const page = await stage.page();
  await page.evaluate(async () => {
    await hl.signUp("ada");
    hl.local.sync.start();
    hl.local.collection("notes");
    await hl.until(() => hl.local.sync.status.state === "online");
  });
  stage.gateway.isDown = true;
  stage.gateway.cut();
  const offline = await page.evaluate(async () => {
    const notes = hl.local.collection("notes");
    const first = await notes.create({ title: "first" });
    const second = await notes.create({ title: "second" });
    await notes.update(first.id, { title: "changed", count: { $increment: 2 } });
    await notes.delete(second.id);
    return { items: (await notes.list()).items.map(({ title, count }) => [title, count]), counts: hl.local.outbox.counts() };
  });
  expect(offline).toEqual({ items: [["changed", 2]], counts: { waiting: 4, held: 0 } });
  stage.gateway.isDown = false;
  const online = await page.evaluate(async () => {
    hl.local.sync.nudge();
    await hl.until(() => hl.local.outbox.list().length === 0);
    const { items } = await hl.client.collection("notes").list();
    const { items: local } = await hl.local.collection("notes").list();
    return { items, local };
  });
  expect(online.items.map(({ title, count }) => [title, count])).toEqual([["changed", 2]]);
  expect(online.local).toEqual(online.items);
});

test("after a reload without a network, everything is there, and what is written then is sent later", async () => {
  const page = await stage.page();
  await page.evaluate(async () => {
    await hl.signUp("ann");
    const notes = hl.local.collection("notes");
    await notes.create({ title: "before", body: "ann" });
    await hl.local.sync.now();
    await notes.create({ title: "unsent", body: "ann" });
  });
  stage.gateway.isDown = true;
  await page.reload();
  const titles = await page.evaluate(async () => {
    await hl.back();
    hl.local.sync.start();
    const notes = hl.local.collection("notes");
    await notes.create({ title: "after", body: "ann" });
    await hl.until(() => hl.local.sync.status.state === "offline");
    return (await notes.list({ where: { body: "ann" } })).items.map(({ title }) => title);
  });
  expect(titles).toEqual(["after", "unsent", "before"]);
  stage.gateway.isDown = false;
  const sent = await page.evaluate(async () => {
    hl.local.sync.nudge();
    await hl.until(() => hl.local.outbox.list().length === 0);
    return (await hl.client.collection("notes").list({ where: { body: "ann" } })).items.map(({ title }) => title);
  });
  expect(sent.sort()).toEqual(["after", "before", "unsent"]);
});

test("behind a login portal nothing is lost, and the status says that another server answers", async () => {
  const page = await stage.page();
  await page.evaluate(async () => {
    await hl.signUp("abe");
    hl.local.collection("notes");
    hl.local.sync.start();
    await hl.until(() => hl.local.sync.status.state === "online");
  });
  stage.gateway.isPortal = true;
  stage.gateway.cut();
  const behind = await page.evaluate(async () => {
    await hl.local.collection("notes").create({ title: "behind the portal" });
    await hl.until(() => hl.local.sync.status.error?.code === "invalid_response"); // that the stream was cut is first
    const { error, state } = hl.local.sync.status;
    const early = await hl.refusal(() => hl.local.collection("notes").create({}));
    return { error, state, early, counts: hl.local.outbox.counts(), session: hl.client.auth.state.kind };
  });
  stage.gateway.isPortal = false;
  expect(behind).toMatchObject({
    error: { code: "invalid_response", advice: expect.stringContaining("address") },
    early: { errors: { title: ["is required"] } }, counts: { waiting: 1, held: 0 }, session: "signedIn", state: "offline",
  });
  const titles = await page.evaluate(async () => {
    await hl.until(() => hl.local.outbox.list().length === 0 && hl.local.sync.status.state === "online");
    return (await hl.client.collection("notes").list({ where: { title: "behind the portal" } })).items.length;
  });
  expect(titles).toBe(1);
});

test("of cut answers to pushes, each write is applied exactly once", async () => {
  const page = await stage.page();
  stage.gateway.lost = 0.3;
  const titles = await page.evaluate(async () => {
    await hl.signUp("bob");
    hl.local.sync.start();
    const notes = hl.local.collection("notes");
    const titles = Array.from({ length: 120 }, (_, at) => `cut ${at}`);
    for (const title of titles) await notes.create({ title });
    await hl.until(() => hl.local.outbox.list().length === 0);
    const found = [];
    for await (const { title } of hl.client.collection("notes").iterate()) if (/^cut/.test(title)) found.push(title);
    return { titles, found };
  });
  stage.gateway.lost = 0;
  expect(titles.found.sort()).toEqual(titles.titles.sort());
});

test("two devices that changed the same record merge it by each field's policy", async () => {
  const [one, other] = [await stage.page(), await stage.page()];
  const id = await one.evaluate(async () => {
    await hl.signUp("carl");
    const made = await hl.local.collection("notes").create({
      title: "t", body: "b", word: "w", count: 10, tags: ["a", "b"], data: { x: 1, y: 1 },
    });
    await hl.local.sync.now();
    return made.id;
  });
  await other.evaluate(async () => {
    await hl.signUp("dora");
    hl.local.collection("notes");
    await hl.local.sync.now();
  });
  await one.evaluate((id) => hl.local.collection("notes").update(id, {
    title: "first", word: "first", count: { $increment: 5 }, tags: ["a", "b", "one"], data: { x: 2 },
  }), id);
  await other.evaluate((id) => hl.local.collection("notes").update(id, {
    title: "second", word: "second", count: { $increment: 3 }, tags: ["b", "two"], data: { y: 2 },
  }), id);
  await one.evaluate(() => hl.local.sync.now());
  const ends = await other.evaluate(async (id) => {
    const [entry] = hl.local.outbox.list();
    await hl.local.sync.now();
    const { status, lost } = await hl.local.outbox.settled(entry!.id);
    const states = hl.local.outbox.list().map(({ state }) => state);
    return { status, lost, states, note: await hl.local.collection("notes").get(id) };
  }, id);
  const note = await one.evaluate(async (id) => {
    await hl.local.sync.now();
    return hl.local.collection("notes").get(id);
  }, id);
  expect(note).toMatchObject({
    title: "second", word: "first", count: 18, tags: ["b", "one", "two"], data: { x: 2, y: 2 },
  });
  expect(ends.note).toEqual(note);
  expect(ends).toMatchObject({ status: "applied", states: ["conflicted"] });
  expect(ends.lost).toEqual([{ field: "word", mine: "second", theirs: "first" }]);
});

test("records whose ids the server gives are named by temporary ids until they were sent", async () => {
  const page = await stage.page();
  const result = await page.evaluate(async () => {
    await hl.signUp("eve");
    const tasks = hl.local.collection("tasks");
    await hl.local.sync.now(); // the description of the app says who gives the ids
    const task = await tasks.create({ title: "task" });
    const steps = hl.local.collection("steps", { parent: `tasks/${task.id}` });
    const step = await steps.create({ title: "step" });
    const next = await tasks.create({ title: "next", after: task.id as number });
    await steps.update(step.id, { title: "changed" });
    await hl.local.sync.now();
    const { ids } = await task.settled();
    return {
      temporary: [task.id, step.id, next.id].map((id) => String(id)[0]), ids,
      task: await tasks.get(task.id), step: await steps.get(step.id), next: await tasks.get(next.id),
      server: await hl.client.collection("steps", { parent: `tasks/${ids![String(task.id)]}` }).list(),
      outbox: hl.local.outbox.list().length,
    };
  });
  expect(result.temporary).toEqual(["~", "~", "~"]);
  expect(result.task.id).toBe(Object.values(result.ids!)[0]);
  expect(result.next.after).toBe(result.task.id);
  expect(result.step).toMatchObject({ title: "changed" });
  expect(result.server.items).toEqual([result.step]);
  expect(result.outbox).toBe(0);
});

test("live events bring what others write, and own writes too, without a pull", async () => {
  const [one, other] = [await stage.page(), await stage.page()];
  for (const [page, name] of [[one, "fay"], [other, "gus"]] as const) {
    await page.evaluate(async (name) => {
      await hl.signUp(name);
      hl.local.collection("notes");
      hl.local.sync.start();
      await hl.until(() => hl.local.sync.status.state === "online");
    }, name);
  }
  await stage.settled();
  const before = stage.gateway.passed.get("/v1/sync/pull");
  await one.evaluate(async () => {
    const { settled } = await hl.local.collection("notes").create({ title: "live" });
    await settled();
    await hl.until(() => !hl.local.outbox.list().length);
  });
  await other.evaluate(() => hl.until(async () =>
    (await hl.local.collection("notes").list({ where: { title: "live" } })).items.length === 1));
  expect(stage.gateway.passed.get("/v1/sync/pull")).toBe(before);
});

test("a refused write is held with its reason, with what depends on it, until it is edited and retried", async () => {
  const page = await stage.page();
  const result = await page.evaluate(async () => {
    await hl.signUp("hal");
    const notes = hl.local.collection("notes");
    await notes.create({ title: "one", code: "x" });
    await hl.local.sync.now();
    const states = notes.states({ where: { body: "hal" } });
    const seen: string[] = [];
    const stop = states.subscribe(({ refused }) => void seen.push(String(refused.length)));
    const clash = await notes.create({ title: "two", body: "hal", code: "x" });
    const later = await notes.update(clash.id, { title: "three" });
    await hl.local.sync.now();
    const outcomes = [await clash.settled(), await later.settled()];
    const refused = states.state.refused.length;
    const { problem } = hl.local.outbox.list()[0]!;
    await hl.local.outbox.edit(clash.mutation, { title: "two", body: "hal", code: "y" });
    const again = await hl.local.outbox.retry(clash.mutation);
    await hl.local.sync.now();
    const { status } = await again.settled();
    stop();
    return { outcomes, refused, problem, status, left: hl.local.outbox.counts(), note: await notes.get(clash.id) };
  });
  expect(result.outcomes.map(({ status }) => status)).toEqual(["refused", "refused"]);
  expect(result.problem).toMatchObject({ code: "conflict" });
  expect(result).toMatchObject({ refused: 1, status: "applied", left: { waiting: 0, held: 0 } });
  expect(result.note).toMatchObject({ title: "three", code: "y" });
});

test("what the description of the app forbids is refused before it is kept", async () => {
  const page = await stage.page();
  const result = await page.evaluate(async () => {
    await hl.signUp("ida");
    const notes = hl.local.collection("notes");
    await hl.local.sync.now();
    const made = await notes.create({ title: "x" });
    return {
      empty: await hl.refusal(() => notes.create({ body: "no title" })),
      none: await hl.refusal(() => notes.update("missing", { title: "x" })),
      nan: await hl.refusal(() => notes.create({ title: "x", data: NaN })),
      record: made.record, counts: hl.local.outbox.counts(),
    };
  });
  expect(result.empty).toMatchObject({ name: "ValidationFailed", errors: { title: ["is required"] }, sent: "no" });
  expect(result.none).toMatchObject({ name: "NotFound", code: "not_found" });
  expect(result.nan).toMatchObject({ errors: { data: ["a number is NaN or infinite; JSON has finite numbers only"] } });
  expect(result.record).toMatchObject({ title: "x", count: 0, tags: null });
  expect(result.counts).toEqual({ waiting: 1, held: 0 });
});

test("a filter that only the server can evaluate is asked there, and says so; without a network it is an error", async () => {
  const page = await stage.page();
  await page.evaluate(async () => {
    await hl.signUp("jan");
    const notes = hl.local.collection("notes");
    await notes.create({ title: "abc", body: "jan" });
    await hl.local.sync.now();
  });
  const ask = (filter: string) => page.evaluate(async (filter) => {
    const { items, source } = await hl.local.collection("notes").list({ filter, where: { body: "jan" } });
    return { titles: items.map(({ title }) => title), source };
  }, filter);
  expect(await ask("record.title.startsWith('a')")).toEqual({ titles: ["abc"], source: "device" });
  const hard = "record.count + 1 == 1";
  const all = await page.evaluate(async (filter) => {
    const titles = [];
    for await (const { title } of hl.local.collection("notes").iterate({ filter, where: { body: "jan" } })) titles.push(title);
    return titles;
  }, hard);
  expect(all).toEqual(["abc"]);
  expect(await ask(hard)).toEqual({ titles: ["abc"], source: "server" });
  stage.gateway.isDown = true;
  const error = await page.evaluate((filter) => hl.refusal(() => hl.local.collection("notes").list({ filter })), hard);
  stage.gateway.isDown = false;
  expect(error).toMatchObject({ code: "unsupported_filter", sent: "no" });
});
