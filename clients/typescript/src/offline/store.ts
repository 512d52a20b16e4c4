/**
 * One database for all tabs. A write runs on what this tab knows, in a transaction that first compares versions, so it is
 * never made of an outdated state; its changes go to the disk, then to this tab's watchers and to the other tabs.
 */

import { failure } from "../contract/errors.js";
import { type Clock, sleep } from "../kit/clock.js";
import { listeners } from "../kit/listeners.js";
import { locked } from "../kit/locked.js";
import { ended, entriesIn, openDatabase, STORES, translated, valueIn } from "./database.js";
import { notSignedIn, type StoreError, storeError } from "./errors.js";
import {
  applyMutation, applyOp, type Memory, type Meta, newMemory, newSpace, noChange, type Op, put, setBase, setSchema,
  type StoreChange,
} from "./memory.js";
import type { Message, Store } from "./parts.js";
import type { Description } from "./remote.js";
import type { Outcome, RecordId, Space } from "./types.js";

const PATIENCE = 250; // milliseconds in which what another tab has written is expected, until it is read
const LOOKS = 50; // for it in that time

interface Job {
  account: RecordId;
  wipes: number | undefined;
  act: (memory: Memory) => unknown;
  isRelaxed: boolean;
  resolve: (value: any) => void;
  reject: (error: unknown) => void;
}

export function createStore(name: string, clock: Clock, onClosed: (error?: StoreError) => void): Store {
  const memory = newMemory();
  const watchers = listeners<StoreChange>();
  const words = new Map<string, (value: any) => void>();
  const ahead = new Map<number, Op[] | undefined>(); // versions that came before the one after ours
  let channel: BroadcastChannel | undefined = globalThis.BroadcastChannel && new BroadcastChannel(name);
  let database: Promise<IDBDatabase> | undefined;
  let jobs: Job[] = [];
  let isPumping = false;
  let isWriting = false; // versions that come meanwhile wait
  let isStale = true;
  let isLooking = false;
  let wipes: number | undefined;
  let closed: Error | undefined;
  (channel as { unref?(): void } | undefined)?.unref?.();

  const connect = (): Promise<IDBDatabase> => {
    if (closed) return Promise.reject(closed);
    return (database ??= openDatabase(name, (error) => {
      database = undefined;
      if (error) close(error);
    }).catch((error) => {
      database = undefined;
      throw error;
    }));
  };

  async function transaction(mode: IDBTransactionMode, durability: IDBTransactionDurability = "default") {
    try {
      return (await connect()).transaction(STORES, mode, { durability });
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      database = undefined; // the browser has closed it meanwhile
      return (await connect()).transaction(STORES, mode, { durability });
    }
  }

  // ---------------------------------------------------------------- writing

  const write = <T>(act: (memory: Memory) => T, isRelaxed = false, account = memory.account): Promise<T> =>
    new Promise((resolve, reject) => {
      jobs.push({ account, wipes, act, isRelaxed, resolve, reject });
      if (!isPumping) void pump();
    });

  async function pump() {
    isPumping = true;
    while (jobs.length) {
      const batch = jobs;
      jobs = [];
      try {
        await locked(`${name}-write`, () => commit(batch));
      } catch (error) {
        isStale = true; // what the batch has changed here is not on the disk
        isWriting = false;
        await reload().catch(() => {}); // or before the next write
        for (const { reject } of batch) reject(error instanceof DOMException ? translated(error) : error);
      }
    }
    isPumping = false;
  }

  async function commit(batch: Job[]): Promise<void> {
    for (;;) {
      follow();
      if (isStale) await reload();
      const work = await transaction("readwrite", batch.every((job) => job.isRelaxed) ? "relaxed" : "strict");
      const done = ended(work);
      done.catch(() => {});
      const { version = 0 } = (await metaIn(work)) ?? {};
      if (!isStale && version === memory.meta.version) return finish(batch, work, done);
      work.abort();
      for (let left = LOOKS; left-- && memory.meta.version < version; ) await sleep(clock, PATIENCE / LOOKS);
      isStale ||= memory.meta.version !== version;
    }
  }

  async function finish(batch: Job[], work: IDBTransaction, done: Promise<void>): Promise<void> {
    const answers: (() => void)[] = [];
    isWriting = true;
    memory.ops = [];
    try {
      if (!memory.space) put(memory, "spaces", memory.account, newSpace(clock.now() / 1000));
      for (const { account, wipes: since, act, resolve, reject } of batch) {
        const before = memory.ops.length;
        try {
          if (account !== memory.account) throw notSignedIn("Somebody else is signed in.");
          if (since !== wipes) throw storeError("store", "everything was deleted meanwhile");
          const value = act(memory);
          answers.push(() => resolve(value));
        } catch (error) {
          if (memory.ops.length > before) throw error;
          answers.push(() => reject(error));
        }
      }
      if (memory.ops.length) {
        const meta = { ...memory.meta, version: memory.meta.version + 1, account: memory.account };
        const last = new Map(memory.ops.map((op) => [op[0] + JSON.stringify(op[1]), op]));
        last.delete("meta0");
        memory.ops = [...last.values(), ["meta", 0, meta]];
        for (const [store, key, value] of memory.ops) {
          if (value === undefined) work.objectStore(store).delete(key);
          else work.objectStore(store).put(value, key);
        }
      }
      work.commit?.();
    } catch (error) {
      work.abort();
      throw error;
    }
    await done;
    isWriting = false;
    const { ops } = memory;
    memory.ops = [];
    if (ops.length) {
      memory.meta = ops.at(-1)![2] as Meta;
      channel?.postMessage({ version: memory.meta.version, ops } satisfies Message);
      follow();
    }
    for (const answer of answers) answer();
  }

  // ---------------------------------------------------------------- what other tabs write

  function receive({ version, ops, word, value }: Message) {
    if (word) return words.get(word)?.(value);
    if (!version || version <= memory.meta.version) return;
    ahead.set(version, ops);
    if (!isWriting) follow();
  }

  const isBehind = () => isStale || ahead.size > 0;

  function follow() {
    for (let next; ahead.has((next = memory.meta.version + 1)); ahead.delete(next)) {
      const ops = ahead.get(next);
      if (!ops) isStale = true;
      memory.meta = { ...memory.meta, version: next };
      for (const op of ops ?? []) applyOp(memory, op);
      memory.ops = [];
    }
    for (const version of ahead.keys()) if (version <= memory.meta.version) ahead.delete(version);
    publish();
    // One that never comes was written by a tab that died: an empty write notices, and reads what there is.
    if (isLooking || closed || !isBehind()) return;
    isLooking = true;
    clock.after(PATIENCE, () => {
      isLooking = false;
      if (isBehind()) write(() => {}).catch(() => {});
    });
  }

  // ---------------------------------------------------------------- reading

  async function reload(): Promise<void> {
    const { account } = memory;
    const work = await transaction("readonly");
    const [meta, schema, space, [, mutations], [places, ids], ...records] = await Promise.all([
      metaIn(work), valueIn<Description>(work, "meta", 1), valueIn<Space>(work, "spaces", account),
      entriesIn(work, "mutations", account), entriesIn(work, "temporaries", account),
      ...[...memory.loaded].map((collection) => entriesIn(work, "records", account, collection)),
    ]);
    if (account !== memory.account) return reload();
    forget(account);
    memory.meta = meta ?? memory.meta;
    wipes = memory.meta.wipes;
    if (schema) setSchema(memory, schema);
    memory.space = space;
    places.forEach((place, at) => applyOp(memory, ["temporaries", place, ids[at]]));
    for (const each of records) fill(each);
    for (const mutation of mutations) applyMutation(memory, mutation.number, mutation);
    memory.ops = [];
    memory.change.isAll = true;
    isStale = false;
    publish();
  }

  const metaIn = (work: IDBTransaction) => valueIn<Meta>(work, "meta", 0);

  const forget = (account: RecordId) => {
    const { loaded, certain } = memory;
    Object.assign(memory, newMemory(), { account, loaded, certain });
  };

  function fill([keys, values]: [any[], any[]]) {
    keys.forEach(([, ...key], at) => values[at].base && setBase(memory, key as any, values[at]));
  }

  async function load(collection: string): Promise<void> {
    while (!memory.loaded.has(collection)) {
      const { account } = memory;
      const work = await transaction("readonly");
      const [meta, records] = await Promise.all([metaIn(work), entriesIn(work, "records", account, collection)]);
      // What was read before a change that is known here is read again.
      if (account !== memory.account || (meta?.version ?? 0) < memory.meta.version || memory.loaded.has(collection)) continue;
      memory.loaded.add(collection);
      fill(records);
      memory.change.isAll = true;
      publish();
    }
  }

  // ---------------------------------------------------------------- the rest

  function publish() {
    const { change } = memory;
    if (!change.isAll && !change.isOutbox && !change.records.size && !change.outcomes.length) return;
    memory.change = noChange();
    watchers.notify(change);
  }

  function close(error?: StoreError) {
    if (closed) return;
    closed = error ?? failure("closed");
    channel?.close();
    channel = undefined; // what ends later, as a commit that was under way, tells nobody
    void database?.then((open) => open.close(), () => {});
    memory.change.isAll = true;
    publish();
    onClosed(error);
  }

  channel?.addEventListener("message", ({ data }) => receive(data as Message));

  return {
    name, memory, transaction, write, load, close,
    async open() {
      const work = await transaction("readonly");
      const meta = await metaIn(work);
      memory.account = meta?.account ?? "";
      wipes = meta?.wipes;
      // Ids that are made from now on sort behind those of before. A full device opens what it has without that.
      await write((memory) => put(memory, "meta", 0, { ...memory.meta, clock: memory.meta.clock + 0.002 }))
        .catch(() => {});
    },
    turnTo: (account) => {
      forget(account);
      isStale = true;
      return write(() => {});
    },
    outcome: async (id) => valueIn<Outcome>(await transaction("readonly"), "outcomes", id),
    async everything() {
      const [keys, values] = await entriesIn(await transaction("readonly"), "mutations");
      return keys.map(([account], at) => [account, values[at]]);
    },
    watch: watchers.add,
    listen: (word, listener) => void words.set(word, listener),
    tell: (word, value) => channel?.postMessage({ word, value } satisfies Message),
    wipe: () => locked(`${name}-write`, async () => {
      const work = await transaction("readwrite", "strict");
      const done = ended(work);
      const meta = (await metaIn(work)) ?? memory.meta;
      for (const store of STORES) work.objectStore(store).clear();
      wipes = (meta.wipes ?? 0) + 1;
      work.objectStore("meta").put({ ...meta, version: meta.version + 1, account: "", wipes }, 0);
      work.commit?.();
      await done;
      channel?.postMessage({ version: meta.version + 1 } satisfies Message);
      isStale = true;
    }).then(() => write(() => {})),
  };
}
