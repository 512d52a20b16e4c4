import { afterAll, beforeAll, expect, test } from "vitest";
import { openStage, type Stage } from "../support/stage.js";

let stage: Stage;
beforeAll(async () => void (stage = await openStage()));
afterAll(() => stage.close());

const PASSWORD = "7 lean oysters";

test("another user of the same browser neither sees nor sends what the first one has written", async () => {
  const page = await stage.page();
  const result = await page.evaluate(async (password) => {
    await hl.signUp("pia");
    const { client, local } = hl;
    const diary = local.collection("diary");
    const texts = async () => (await diary.list()).items.map(({ text }) => text);
    await local.sync.now();
    await diary.create({ text: "pia's" });
    const first = local.account;
    await client.auth.logOut();
    const out = { texts: await texts(), refusal: await hl.refusal(() => diary.create({ text: "nobody's" })) };
    await client.auth.signUp({ name: "quin", email: "quin@example.org", password });
    await local.sync.now();
    const second = { texts: await texts(), counts: local.outbox.counts(), all: [...(await local.outbox.countsByAccount())] };
    await client.auth.logOut();
    await client.auth.logIn({ email: "pia@example.org", password });
    const back = await texts();
    await local.sync.now();
    return { first, out, second, back, server: (await client.collection("diary").list()).items.map(({ text }) => text) };
  }, PASSWORD);
  expect(result.out).toMatchObject({ texts: [], refusal: { code: "unauthorized", sent: "no" } });
  expect(result.second).toEqual({
    texts: [], counts: { waiting: 0, held: 0 }, all: [[result.first, { waiting: 1, held: 0 }]],
  });
  expect([result.back, result.server]).toEqual([["pia's"], ["pia's"]]);
});

test("when the server ends the session, the data stay readable and new writes wait for the same user", async () => {
  const page = await stage.page();
  const result = await page.evaluate(async (password) => {
    await hl.signUp("rosa");
    const { client, local } = hl;
    const diary = local.collection("diary");
    local.sync.start();
    await (await diary.create({ text: "before" })).settled();
    const vault = { load: () => null, save() {}, clear() {}, lock: <T>(act: () => Promise<T>) => act() };
    const other = hl.createClient({ url: location.origin, vault });
    await other.auth.logIn({ email: "rosa@example.org", password });
    for (const { id, is_current } of await other.auth.sessions()) if (!is_current) await other.auth.endSession(id);
    await hl.until(() => client.auth.state.kind === "signedOut" || (void client.auth.refresh().catch(() => {}), false));
    local.sync.nudge();
    await hl.until(() => local.sync.status.state === "paused");
    const { settled } = await diary.create({ text: "after" });
    const texts = (await diary.list({ sort: "text" })).items.map(({ text }) => text);
    const { waiting } = local.outbox.counts();
    await client.auth.logIn({ email: "rosa@example.org", password });
    const { status } = await settled();
    return { texts, waiting, status };
  }, PASSWORD);
  expect(result).toEqual({ texts: ["after", "before"], waiting: 1, status: "applied" });
});

test("logging out deletes everything where the app asks for that, and so does wipe, in all tabs", async () => {
  const context = await stage.browser.newContext();
  const [one, other] = [await stage.page(context), await stage.page(context)];
  await one.evaluate(async () => {
    await hl.signUp("sam", { wipeOnLogOut: true });
    await hl.local.collection("diary").create({ text: "kept" });
  });
  await other.evaluate(async () => {
    await hl.back();
    await hl.until(async () => (await hl.local.collection("diary").list()).items.length === 1);
  });
  await one.evaluate(() => hl.local.wipe());
  await other.evaluate(() => hl.until(async () => (await hl.local.collection("diary").list()).items.length === 0));
  await one.evaluate(() => hl.local.collection("diary").create({ text: "again" }));
  const left = await one.evaluate(async () => {
    await hl.client.auth.logOut();
    return (await hl.local.outbox.countsByAccount()).size;
  });
  expect(left).toBe(0);
});
