import { expect, test, vi } from "vitest";
import { applied, Scripted } from "../support/scripted_client.js";

test("a store that is closed refuses writes, and no longer looks for data", async () => {
  const self = await new Scripted().open();
  await self.create("a");
  await self.local.close();
  for (let attempt = 0; attempt < 3; attempt++) await expect(self.create("b")).rejects.toMatchObject({ code: "closed" });
  await self.pass(1_000);
  expect(self.clock.waits).toEqual([]);
});

test("a store may be closed by two at once, and while a round of synchronisation is under way", async () => {
  const self = await new Scripted().open();
  await self.create("a");
  let closing: Promise<unknown> | undefined;
  self.push = (push) => {
    closing = Promise.all([self.local.close(), self.local.close(), self.local.sync.stop()]);
    return applied(push);
  };
  await self.local.sync.now();
  await closing;
  expect(self.local.sync.status.state).toBe("stopped");
});

test("a write that is being committed when its store is closed is acknowledged, and there at the next start", async () => {
  const self = await new Scripted().open();
  await self.create("a");
  const commit = vi.spyOn(IDBTransaction.prototype, "commit").mockImplementationOnce(() => void self.local.close());
  await self.create("b");
  commit.mockRestore();
  await expect(self.create("c")).rejects.toMatchObject({ code: "closed" });
  await self.again();
  expect((await self.local.collection("notes").list()).items.map(({ id }) => id).sort()).toEqual(["a", "b"]);
});

test("what is made after a restart within the same millisecond is behind what was made before, at any time", async () => {
  const self = await new Scripted().open();
  const made: string[] = [];
  for (let attempt = 0; attempt < 80; attempt++) {
    made.push((await self.local.collection("notes").create({ title: "a" } as any)).ids[0] as string);
    await self.again();
    self.clock.jump += 1037 * (attempt % 2);
  }
  expect(made).toEqual([...made].sort());
});

test("while the disk fails one look at a time is under way, however many writes have failed", async () => {
  const self = await new Scripted().open();
  await self.create("a");
  await self.pass(250);
  const transaction = vi.spyOn(IDBDatabase.prototype, "transaction").mockImplementation(() => {
    throw new DOMException("the connection is closing", "InvalidStateError");
  });
  for (let attempt = 0; attempt < 5; attempt++) {
    await expect(self.create("b")).rejects.toMatchObject({ code: "store_unavailable" });
  }
  expect(self.clock.waits).toEqual([250]);
  transaction.mockRestore();
  await self.pass(1_000);
  expect(self.clock.waits).toEqual([]);
  await self.create("c");
  expect((await self.local.collection("notes").list()).items.map(({ id }) => id).sort()).toEqual(["a", "c"]);
});

test("who waits for the outcome of a write that is wiped gets the answer that nothing is known of it", async () => {
  const self = await new Scripted().open();
  const { settled } = await self.local.collection("notes").create({ title: "a" });
  const outcome = settled().catch(({ code }) => code);
  await self.pass();
  await self.local.wipe();
  expect(await outcome).toBe("not_found");
});
