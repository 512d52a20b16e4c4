import { expect, test } from "vitest";
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
  await self.create("c");
  void self.turnTo(loggedOut);
  void self.turnTo(signedIn("dora"));
  await self.pass();
  await self.create("d");
  expect(self.local.account).toBe("dora");
  expect([...(await self.local.outbox.countsByAccount()).keys()]).toEqual(["dora"]);
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
