import { expect, test, vi } from "vitest";
import type { PullResult } from "../../src/offline/types.js";
import { Scripted } from "../support/scripted_client.js";

const signedIn = (id: string) => ({ kind: "signedIn", user: { id } });
const loggedOut = { kind: "signedOut", reason: "log_out" };

test("a log-out wipes, and what follows it does not, also where all come while the store is busy", async () => {
  const self = await new Scripted().open("ada", { wipeOnLogOut: true });
  await self.create("a");
  void self.turnTo(signedIn("bob"));
  void self.turnTo(loggedOut);
  await self.pass();
  expect([self.local.account, await self.local.outbox.countsByAccount()]).toEqual(["", new Map()]);
  await self.turnTo(signedIn("cleo"));
  await self.pass(1_000);
  await self.create("c");
  void self.turnTo(loggedOut);
  void self.turnTo(signedIn("dora"));
  await self.pass();
  await self.create("d");
  expect(self.local.account).toBe("dora");
  expect([...(await self.local.outbox.countsByAccount()).keys()]).toEqual(["dora"]);
});

/** The device has no room from now on, but for what takes the place of all that a transaction deletes. */
function fill(): void {
  const { clear, put } = IDBObjectStore.prototype;
  const freed = new WeakSet<IDBTransaction>();
  vi.spyOn(IDBObjectStore.prototype, "clear").mockImplementation(function (this: IDBObjectStore) {
    freed.add(this.transaction);
    return clear.call(this);
  });
  vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(function (this: IDBObjectStore, ...given) {
    if (!freed.has(this.transaction)) throw new DOMException("the device is full", "QuotaExceededError");
    return put.apply(this, given);
  });
}

test("a log-out wipes a full device too, though nothing can be kept of who is signed in next", async () => {
  const self = await new Scripted().open("ada", { wipeOnLogOut: true });
  await self.local.wipe(); // what is kept of nobody too
  await self.create("a");
  vi.spyOn(console, "error").mockReturnValue(); // of the full device
  fill();
  await self.turnTo(loggedOut);
  await self.pass();
  vi.restoreAllMocks();
  expect([self.local.account, await self.local.outbox.countsByAccount()]).toEqual(["", new Map()]);
});

/** Keeps all others from the database until the returned function is called. */
async function occupied(name: string): Promise<() => void> {
  const request = indexedDB.open(`hinterland-${name}`);
  await new Promise((resolve) => (request.onsuccess = resolve));
  const stores = [...request.result.objectStoreNames];
  const store = request.result.transaction(stores, "readwrite").objectStore(stores[0]!);
  let isOver = false;
  const ask = () => void (isOver ? request.result.close() : (store.count().onsuccess = ask));
  ask();
  return () => void (isOver = true);
}

test.each([loggedOut, signedIn("bob")])("a write of who is signed in no more is kept for nobody", async (next) => {
  const self = await new Scripted().open();
  const free = await occupied(self.name);
  const kept = self.local.collection("notes").create({ title: "of ada" }).catch(({ code }) => code);
  await self.turnTo(next);
  free();
  await self.pass(1_000);
  expect([await kept, await self.local.outbox.countsByAccount()]).toEqual(["unauthorized", new Map()]);
});

async function tabs(): Promise<[Scripted, Scripted]> {
  const self = await new Scripted().open("ada", { wipeOnLogOut: true });
  return [self, await new Scripted(self.name).open("ada", { wipeOnLogOut: true })];
}

const passed = async (...tabs: Scripted[]) => {
  for (let turn = 0; turn < 5; turn++) await Promise.all(tabs.map((tab) => tab.pass(300)));
};

test("what another tab fetches and sends while a log-out wipes does not come back", async () => {
  const [self, other] = await tabs();
  const notes = other.local.collection("notes");
  let answer = (_: PullResult) => {};
  other.pull = () => new Promise((resolve) => (answer = resolve)) as never;
  other.local.sync.start();
  await other.pass();
  const free = await occupied(self.name);
  const write = notes.create({ title: "of ada" });
  void self.turnTo(loggedOut);
  await self.pass();
  answer({ changes: [{ kind: "create", collection: "notes", id: "a", revision: 1, record: { id: "a" } }], cursor: "1" });
  await other.pass();
  free();
  await passed(self, other);
  await write;
  await other.turnTo(loggedOut);
  await other.turnTo(signedIn("ada"));
  expect((await notes.list()).items).toEqual([]);
});

test("a write that another tab makes before it knows that everything was deleted is refused", async () => {
  const [self, other] = await tabs();
  const notes = other.local.collection("notes");
  await notes.list();
  let late: Promise<unknown> | undefined;
  const post = BroadcastChannel.prototype.postMessage;
  vi.spyOn(BroadcastChannel.prototype, "postMessage").mockImplementation(function (this: BroadcastChannel, message) {
    post.call(this, message);
    if (message.version && !message.ops) late ??= notes.create({ title: "of ada" }).catch(({ code }) => code);
  });
  await self.turnTo(loggedOut);
  await passed(self, other);
  expect([await late, await other.local.outbox.countsByAccount()]).toEqual(["store", new Map()]);
});

test.each(["close", "stop"])("a %s while another user signs in ends synchronisation for good", async (end) => {
  const self = await new Scripted().open();
  self.local.collection("notes");
  self.local.sync.start();
  await self.pass();
  vi.spyOn(console, "error").mockReturnValue(); // of a switch that finds the store closed
  const free = await occupied(self.name);
  void self.turnTo(signedIn("bob"));
  await self.pass();
  const ended = end === "close" ? self.local.close() : self.local.sync.stop();
  free();
  await passed(self);
  await ended;
  const before = self.pulls.length;
  await self.pass(60_000);
  expect([self.pulls.length, self.local.sync.status.state, self.clock.waits]).toEqual([before, "stopped", []]);
});
