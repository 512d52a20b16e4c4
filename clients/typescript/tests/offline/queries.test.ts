import { expect, test } from "vitest";
import { Scripted } from "../support/scripted_client.js";
import { seeded } from "../support/gateway.js";

test("a live query shows at any time what the same query finds anew", async () => {
  const self = await new Scripted().open();
  const notes = self.local.collection("notes");
  const random = seeded(3);
  const queries = [
    {}, { sort: ["count", "-title"] }, { sort: ["-count"], limit: 3 }, { where: { group: "a" }, limit: 5 },
    { filter: "record.count > 2 && record.group != 'b'", sort: ["title"] }, { where: { group: null } },
  ];
  const shown = queries.map(() => ({ rows: undefined as unknown, calls: 0 }));
  const stops = queries.map((query, at) => notes.watch(query, (rows) => {
    shown[at]!.rows = rows;
    shown[at]!.calls++;
  }));
  const ids: string[] = [];
  const some = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
  for (let step = 0; step < 150; step++) {
    const body = { title: some(["x", "y", "é", "Z"]), count: Math.floor(random() * 6), group: some(["a", "b", null]) };
    const act = ids.length < 3 ? 0 : Math.floor(random() * 4);
    if (act === 0) ids.push((await notes.create(body)).id as string);
    else if (act === 3) await notes.delete(ids.splice(Math.floor(random() * ids.length), 1)[0]!);
    else await (act === 1 ? notes.update(some(ids), body) : notes.update(some(ids), { count: { $increment: 1 } }));
    for (const [at, query] of queries.entries()) {
      const { items } = await notes.list({ limit: 1000, ...query });
      expect(shown[at]!.rows, `step ${step}, query ${at}`).toEqual(items);
    }
  }
  for (const stop of stops) stop();
  const calls = shown.map((each) => each.calls);
  await notes.create({ title: "x", count: 9, group: "a" });
  expect(shown.map((each) => each.calls)).toEqual(calls);
});

test("a list goes on from its cursor without missing or repeating a record, though others come meanwhile", async () => {
  const self = await new Scripted().open();
  const notes = self.local.collection("notes");
  for (let at = 0; at < 25; at++) await notes.create({ title: `${at % 5}` });
  const query = { sort: ["title"], limit: 7 };
  const seen: unknown[] = [];
  for (let cursor: string | null = null; ; ) {
    const page: any = await notes.list({ ...query, cursor, total: true });
    seen.push(...page.items.map(({ id }: any) => id));
    cursor = page.next;
    if (!cursor) break;
    await notes.create({ title: "" }); // before the place
  }
  expect(new Set(seen).size).toBe(25);
  expect(seen.length).toBe(25);
  await expect(notes.list({ cursor: "of another list" })).rejects.toMatchObject({ code: "invalid_cursor", sent: "no" });
  await expect(notes.list({ limit: 0 })).rejects.toMatchObject({ code: "invalid_query" });
});

test("a state is the same object until something changes, with and without a subscriber", async () => {
  const self = await new Scripted().open();
  const notes = self.local.collection("notes");
  await notes.create({ title: "a" });
  const live = notes.states({ where: { title: "a" } });
  expect(live.state.data).toHaveLength(1);
  expect(live.state).toBe(live.state);
  const before = live.state;
  await notes.create({ title: "other" });
  expect(live.state).toBe(before);
  const seen: unknown[] = [];
  const stop = live.subscribe((state) => void seen.push(state));
  await self.pass();
  await notes.create({ title: "a" });
  expect(seen).toHaveLength(1);
  expect(live.state).toBe(seen[0]);
  expect(live.state).toMatchObject({ isLoading: false, isStale: true, source: "device" });
  stop();
});

test("a filter that reads auth is the server's to answer, not a list without records", async () => {
  const self = await new Scripted().open();
  const notes = self.local.collection("notes");
  await notes.create({ title: "x" });
  const query = { filter: "record.title == 'x' && auth.id != ''" };
  await expect(notes.list(query)).rejects.toMatchObject({ code: "unsupported_filter", sent: "no" });
  self.list = (asked) => ({ items: [{ id: "found", asked }], next: null, total: null });
  expect(await notes.list(query)).toMatchObject({ items: [{ id: "found", asked: query }], source: "server" });
});

test("a search that code without types asks for is the server's to answer, not a list of all records", async () => {
  const self = await new Scripted().open();
  const notes = self.local.collection("notes");
  await notes.create({ title: "x" });
  const query = { search: "x" } as object;
  await expect(notes.list(query)).rejects.toMatchObject({ code: "unsupported_filter", sent: "no" });
  await expect(notes.iterate(query).next()).rejects.toMatchObject({ code: "unsupported_filter" });
  self.list = (asked) => ({ items: [{ id: "found", asked }], next: null, total: null });
  const found = await notes.list(query);
  expect(found).toMatchObject({ items: [{ id: "found", asked: query }], source: "server" });
});
