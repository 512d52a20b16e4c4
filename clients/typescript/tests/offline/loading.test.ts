import { expect, test, vi } from "vitest";
import { Scripted } from "../support/scripted_client.js";

const network = vi.hoisted(() => {
  let arrive = () => {};
  const arrived = new Promise<void>((resolve) => (arrive = resolve));
  return { arrive, arrived };
});

vi.mock("../../src/offline/loading.js", async (original) => {
  const loading = await original<typeof import("../../src/offline/loading.js")>();
  return { ...loading, loadLater: () => network.arrived.then(loading.loadLater) };
});

test("what synchronises and does not arrive keeps nobody from logging out and signing in", async () => {
  const self = await new Scripted().open("ada", { wipeOnLogOut: true });
  await self.create("a");
  self.local.sync.start();
  await self.pass();
  await self.turnTo({ kind: "signedOut", reason: "log_out" });
  await self.pass(1_000);
  expect([self.local.account, await self.local.outbox.countsByAccount()]).toEqual(["", new Map()]);
  await self.turnTo({ kind: "signedIn", user: { id: "bob" } });
  await self.create("b");
  expect([self.local.account, self.local.sync.status.state]).toEqual(["bob", "connecting"]);
  network.arrive();
  await self.pass(1_000);
  expect(self.pushes.flatMap(({ mutations }) => mutations.flatMap(({ writes }) => writes.map(({ body }) => body))))
    .toMatchObject([{ title: "b" }]);
  expect(self.local.sync.status.state).toBe("online");
  await self.local.close();
});
