import { expect, test } from "vitest";
import { refused, Scripted, unreachable } from "../support/scripted_client.js";

const NOTES = { collections: [{ name: "notes", fields: { title: { kind: "text", required: true } } }] };
const MOODY = { collections: [{ name: "notes", fields: { ...NOTES.collections[0]!.fields, mood: { kind: "text" } } }] };

async function described(): Promise<Scripted> {
  const self = await new Scripted().open();
  self.describe = () => NOTES;
  await self.local.sync.now();
  return self;
}

test("a name that a kept description lacks is accepted until the server was reached: the app may be newer", async () => {
  const self = await described();
  const notes = () => self.local.collection("notes");
  await expect(notes().create({ title: "a", mood: "good" })).rejects.toMatchObject({ code: "validation" });
  await self.again();
  await expect(notes().create({ mood: "good" })).rejects.toMatchObject({ errors: { title: ["is required"] } });
  const early = await notes().create({ title: "a", mood: "good" });
  expect(early.record).toMatchObject({ title: "a", mood: "good" });
  self.describe = () => { throw unreachable(); };
  await expect(self.local.sync.now()).rejects.toMatchObject({ code: "connect" });
  expect(await notes().get(early.id)).toMatchObject({ mood: "good" });
  self.describe = () => NOTES;
  self.push = () => { throw refused("unavailable", 503); };
  await expect(self.local.sync.now()).rejects.toMatchObject({ code: "unavailable" });
  expect(self.described).toEqual([200, 304]);
  await expect(notes().create({ title: "a", mood: "good" })).rejects.toMatchObject({ code: "validation" });
  expect(await notes().get(early.id)).toMatchObject({ title: "a", mood: "good" });
});

test("a description that changes while the app runs is known within five minutes", async () => {
  const self = await described();
  self.local.sync.start();
  await self.pass();
  Object.assign(self, { etag: "2", describe: () => MOODY });
  await self.pass(270_000);
  const mood = () => self.local.collection("notes").create({ title: "a", mood: "good" });
  await expect(mood()).rejects.toMatchObject({ code: "validation" });
  await self.pass(60_000);
  expect((await mood()).record).toMatchObject({ mood: "good" });
});

test("when everything was deleted on the device, the description is fetched again", async () => {
  const self = await described();
  self.local.sync.start();
  await self.pass();
  await self.local.wipe();
  self.local.sync.nudge();
  await self.pass();
  await expect(self.local.collection("notes").create({})).rejects.toMatchObject({ code: "validation" });
});
