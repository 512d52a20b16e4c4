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

test("a description of a newer server is used as far as it is understood, and what is none changes nothing", async () => {
  const self = await new Scripted().open();
  self.describe = () => ({ api: 9, shape: "new", collections: [
    { name: "notes", of: "later", fields: {
      title: { kind: "text", required: true, tone: 1 }, area: { kind: "polygon", required: true },
    } },
    null, "lists", { name: "odd", fields: { at: null } },
  ] });
  await self.local.sync.now();
  const create = (body: object) => self.local.collection("notes").create(body);
  await expect(create({ area: [1, 2] })).rejects.toMatchObject({ errors: { title: ["is required"] } });
  expect((await create({ title: "a", area: [[1, 2]] })).record).toMatchObject({ title: "a", area: [[1, 2]] });
  await self.local.collection("odd").create({ anything: true });
  for (const [etag, document] of ["<html>", {}, [], null, { collections: "none" }].entries()) {
    Object.assign(self, { etag: `other ${etag}`, describe: () => document });
    await self.local.sync.now();
  }
  expect(self.described.slice(1)).toEqual([200, 200, 200, 200, 200]);
  await expect(create({})).rejects.toMatchObject({ errors: { title: ["is required"] } });
});
