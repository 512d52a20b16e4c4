import "fake-indexeddb/auto";
import { expect, test } from "vitest";
import { type Client, createClient } from "../../src/index.js";
import { type Local, openLocal } from "../../src/offline/index.js";
import { seeded, startGateway } from "../support/gateway.js";
import { startServer } from "../support/server.js";
import { wait } from "../support/wait.js";

const SEEDS = Number(process.env["SEEDS"] ?? 3);
const STEPS = 120;

interface Device {
  client: Client;
  local: Local;
  name: string;
  /** Ids that the app has stored, temporary ones too. */
  notes: (string | number)[];
  tasks: (string | number)[];
}

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`devices that write offline, through cut answers and restarts, come to the same records (seed ${seed})`, async () => {
    const server = await startServer();
    const gateway = await startGateway(server.url, "", seed);
    const random = seeded(seed);
    const some = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
    const open = async (device: Partial<Device>, name: string) => {
      device.local = await openLocal(device.client!, { name: `${seed}-${name}`, collections: ["notes", "tasks"] });
      device.local.sync.start();
    };
    const devices: Device[] = [];
    for (const name of ["ada", "bob", "cleo"]) {
      const client = createClient({ url: gateway.url, options: { retries: 0 } });
      const device = { client, name, notes: [], tasks: [] } as Partial<Device> as Device;
      await client.auth.signUp({ name, email: `${name}@example.org`, password: "7 lean oysters" });
      await open(device, name);
      devices.push(device);
    }
    gateway.lost = 0.3;

    const acts: ((device: Device) => Promise<unknown>)[] = [
      async ({ local, notes, name }) => {
        const { id } = await local.collection("notes").create({ title: `${name} ${random()}`, count: 1, tags: ["new"] });
        notes.push(id);
      },
      async ({ local, tasks }) => {
        const after = random() < 0.5 ? some(tasks) : undefined;
        tasks.push((await local.collection("tasks").create({ title: `${random()}`, after })).id);
      },
      async ({ local, tasks }) => {
        if (tasks.length) await local.collection("steps", { parent: `tasks/${some(tasks)}` }).create({ title: `${random()}` });
      },
      ({ local, notes }) => local.collection("notes").update(some(notes) ?? "none", some<object>([
        { title: `t ${random()}` }, { count: { $increment: 1 } }, { tags: { $add: [some(["a", "b", "c"])] } },
        { word: `w ${random()}` }, { data: { [some(["x", "y"])]: random() } }, { code: some(["1", "2", null]) },
      ]) as any),
      ({ local, tasks }) => local.collection("tasks").update(some(tasks) ?? 0, { title: `c ${random()}` }),
      ({ local, notes }) => random() < 0.3 ? local.collection("notes").delete(some(notes) ?? "none") : Promise.resolve(),
      ({ local }) => local.write([
        { act: "create", collection: "notes", body: { title: "one of two" } },
        { act: "create", collection: "tasks", body: { title: "two of two" } },
      ]),
      async ({ notes, local }) => void notes.push(...(await local.collection("notes").list()).items.map(({ id }) => id)),
      async (device) => {
        await device.local.close();
        await open(device, device.name);
      },
      async () => {
        gateway.isDown = !gateway.isDown && random() < 0.5;
        if (gateway.isDown) gateway.cut();
        else for (const { local } of devices) local.sync.nudge();
      },
    ];
    for (let step = 0; step < STEPS; step++) {
      const refused = await some(acts)(some(devices)).then(() => "", (error) => error);
      // Such as of a record that another has deleted.
      expect(["", "not_found", "conflict"], JSON.stringify(refused)).toContain(refused.code ?? "");
    }
    gateway.isDown = false;
    gateway.lost = 0;
    for (const { local } of devices) {
      local.sync.nudge();
      await wait(async () => !local.outbox.counts().waiting && local.sync.status.state === "online", () =>
        JSON.stringify([local.sync.status, local.outbox.list()]));
      for (const entry of local.outbox.list()) if (/refused|conflicted/.test(entry.state)) await local.outbox.discard(entry.id);
    }
    const server_ = createClient({ url: server.url });
    for (const name of ["notes", "tasks"]) {
      const there: unknown[] = [];
      for await (const record of server_.collection(name).iterate({ sort: ["id"], limit: 500 })) there.push(record);
      for (const { local } of devices) {
        await local.sync.now();
        const { items } = await local.collection(name).list({ sort: ["id"], limit: 1000 });
        expect(items).toEqual(there);
        expect(local.outbox.list()).toEqual([]);
      }
    }
    for (const { local, tasks, name } of devices) {
      for (const id of tasks) {
        const task = await local.collection("tasks").get(id).catch(() => null);
        if (task?.after) expect(Number.isInteger(task.after), name).toBe(true);
      }
      await local.close();
    }
    for (const { client } of devices) client.close();
    await gateway.close();
    await server.close();
  });
}
