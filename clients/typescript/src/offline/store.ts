/**
 * One database for all tabs. A write runs on what this tab knows, in a transaction that first compares versions, so it is
 * never made of an outdated state; its changes go to the disk, then to this tab's watchers and to the other tabs.
 */

import { failure } from "../contract/errors.js";
import { type Clock, sleep } from "../kit/clock.js";
import { asked, below, ended, openDatabase, STORES, translated } from "./database.js";
import { notSignedIn } from "./errors.js";
import {
  applyMutation, applyOp, type Memory, type Meta, newMemory, noChange, type Op, put, setBase, setSchema, type StoreChange,
} from "./memory.js";
import type { Description } from "./remote.js";
import type { Mutation, Outcome, RecordId, Space } from "./types.js";

const PATIENCE = 250; // milliseconds in which what another tab has written is expected, until it is read

interface Job {
  account: RecordId;
  act: (memory: Memory) => unknown;
  isRelaxed: boolean;
  resolve: (value: any) => void;
  reject: (error: unknown) => void;
}

/** What tabs say to each other: the ops of a version, or something of the `word` for another part. */
export interface Message {
  version?: number;
  ops?: Op[];
  word?: string;
  value?: unknown;
}

export interface Store {
  readonly name: string;
  readonly memory: Memory;
  /** Opens the database, and shows the data of the account that was shown last. */
  open(): Promise<void>;
  /**
   * Runs `act`, which must throw before it changes anything, and returns what it returned when its changes are on the
   * disk; `isRelaxed`: when the system has them, which may lose them if the machine stops.
   */
  write<T>(act: (memory: Memory) => T, isRelaxed?: boolean): Promise<T>;
  /** Knows the collection from now on. */
  load(collection: string): Promise<void>;
  /** Shows the data of another account; what comes after sees only that. */
  turnTo(account: RecordId): Promise<void>;
  /** The outcome of a mutation that is no longer open. */
  outcome(id: string): Promise<Outcome | undefined>;
  /** The mutations of all accounts, by account. */
  everything(): Promise<[RecordId, Mutation][]>;
  keepSchema(description: Description): Promise<void>;
  watch(watcher: (change: StoreChange) => void): () => void;
  listen(word: string, listener: (value: any) => void): void;
  tell(word: string, value?: unknown): void;
  /** Deletes everything of every account. */
  wipe(): Promise<void>;
  close(error?: Error): void;
}

/** Runs `act` while no other tab holds the lock; where the page has no locks (plain http), at once. */
export const locked = <T>(name: string, act: () => Promise<T>): Promise<T> =>
  globalThis.navigator?.locks ? (navigator.locks.request(name, act) as Promise<T>) : act();

export function createStore(name: string, clock: Clock, onClosed: (error: Error) => void): Store {
  const memory = newMemory();
  const watchers = new Set<(change: StoreChange) => void>();
  const listeners = new Map<string, (value: any) => void>();
  const loads = new Map<string, Promise<void>>();
  const ahead = new Map<number, Op[] | undefined>(); // versions that came before the one after ours
  const channel = globalThis.BroadcastChannel && new BroadcastChannel(name);
  let database: Promise<IDBDatabase> | undefined;
  let jobs: Job[] = [];
  let isPumping = false;
  let isWriting = false; // versions that come meanwhile wait
  let isStale = true;
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

  const write = <T>(act: (memory: Memory) => T, isRelaxed = false): Promise<T> =>
    new Promise((resolve, reject) => {
      jobs.push({ account: memory.account, act, isRelaxed, resolve, reject });
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
        for (const { reject } of batch) reject(error);
      }
    }
    isPumping = false;
  }

  async function commit(batch: Job[]): Promise<void> {
    for (let isLate = false; ; isLate = true) {
      follow();
      if (isStale) await reload();
      const work = await transaction("readwrite", batch.every((job) => job.isRelaxed) ? "relaxed" : "strict");
      const done = ended(work);
      done.catch(() => {});
      const { version = 0 } = ((await asked(work.objectStore("meta").get(0))) as Meta | undefined) ?? {};
      if (version === memory.meta.version) return finish(batch, work, done);
      work.abort();
      if (!isLate && memory.meta.version < version) await Promise.race([arrived(version), sleep(clock, PATIENCE)]);
      isStale ||= isLate || memory.meta.version !== version;
    }
  }

  async function finish(batch: Job[], work: IDBTransaction, done: Promise<void>): Promise<void> {
    const answers: (() => void)[] = [];
    isWriting = true;
    memory.ops = [];
    try {
      for (const { account, act, resolve, reject } of batch) {
        const before = memory.ops.length;
        try {
          if (account !== memory.account) throw notSignedIn("Somebody else is signed in.");
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
      throw error instanceof DOMException ? translated(error) : error;
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

  let wanted: { version: number; resolve: () => void } | undefined;
  const arrived = (version: number) => new Promise<void>((resolve) => (wanted = { version, resolve }));

  function receive({ version, ops, word, value }: Message) {
    if (word) return listeners.get(word)?.(value);
    if (!version || version <= memory.meta.version) return;
    ahead.set(version, ops);
    if (!isWriting) follow();
  }

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
    if (wanted && wanted.version <= memory.meta.version) [wanted] = [void wanted.resolve()];
    // One that never comes was written by a tab that died: an empty write notices, and reads what there is.
    if (isStale || ahead.size) clock.after(PATIENCE, () => (isStale || ahead.size) && void write(() => {}).catch(() => {}));
  }

  // ---------------------------------------------------------------- reading

  async function reload(): Promise<void> {
    const { account } = memory;
    const work = await transaction("readonly");
    const from = (store: string) => work.objectStore(store);
    const [meta, schema, space, mutations, places, ids, ...records] = await Promise.all([
      asked(from("meta").get(0)), asked(from("meta").get(1)), asked(from("spaces").get(account)), asked(from("mutations").getAll(below(account))),
      asked(from("temporaries").getAllKeys(below(account))), asked(from("temporaries").getAll(below(account))),
      ...[...memory.loaded].map((collection) => readRecords(work, account, collection)),
    ]);
    if (account !== memory.account) return reload();
    forget(account);
    memory.meta = (meta as Meta | undefined) ?? memory.meta;
    if (schema) setSchema(memory, schema as Description);
    memory.space = space as Space | undefined;
    places.forEach(([, ...place]: any, at) => memory.temporaries.set(JSON.stringify(place), [...place, ids[at]] as any));
    for (const each of records) fill(each);
    for (const mutation of mutations as Mutation[]) applyMutation(memory, mutation.number, mutation);
    memory.ops = [];
    memory.change.isAll = true;
    isStale = false;
    publish();
  }

  const forget = (account: RecordId) => Object.assign(memory, newMemory(), { account, loaded: memory.loaded });

  async function readRecords(work: IDBTransaction, account: RecordId, collection: string) {
    const records = work.objectStore("records");
    const range = below(account, collection);
    return Promise.all([asked(records.getAllKeys(range)), asked(records.getAll(range))]);
  }

  function fill([keys, values]: [any[], any[]]) {
    keys.forEach(([, ...key], at) => values[at].base && setBase(memory, key as any, values[at]));
  }

  function load(collection: string): Promise<void> {
    let run = loads.get(collection);
    if (!run) {
      run = read(collection);
      loads.set(collection, run);
      run.catch(() => loads.delete(collection));
    }
    return run;
  }

  async function read(collection: string): Promise<void> {
    for (;;) {
      const { account } = memory;
      const work = await transaction("readonly");
      const [meta, records] = await Promise.all([asked(work.objectStore("meta").get(0)), readRecords(work, account, collection)]);
      if (account !== memory.account || ((meta as Meta | undefined)?.version ?? 0) < memory.meta.version) continue;
      memory.loaded.add(collection);
      fill(records);
      memory.change.isAll = true;
      return publish();
    }
  }

  // ---------------------------------------------------------------- the rest

  function publish() {
    const { change } = memory;
    if (!change.isAll && !change.isOutbox && !change.records.size && !change.outcomes.length) return;
    memory.change = noChange();
    for (const watcher of [...watchers]) watcher(change);
  }

  function close(error: Error = failure("closed")) {
    if (closed) return;
    closed = error;
    channel?.close();
    void database?.then((open) => open.close(), () => {});
    memory.change.isAll = true;
    publish();
    onClosed(error);
  }

  channel?.addEventListener("message", ({ data }) => receive(data as Message));

  return {
    name, memory, write, load, close,
    async open() {
      const work = await transaction("readonly");
      memory.account = ((await asked(work.objectStore("meta").get(0))) as Meta | undefined)?.account ?? "";
      // Ids that are made from now on sort behind those of before.
      await write((memory) => put(memory, "meta", 0, { ...memory.meta, clock: memory.meta.clock + 0.001 }));
    },
    turnTo(account) {
      forget(account);
      isStale = true;
      return write(() => {});
    },
    async outcome(id) {
      return (await asked((await transaction("readonly")).objectStore("outcomes").get(id))) as Outcome | undefined;
    },
    async everything() {
      const store = (await transaction("readonly")).objectStore("mutations");
      const [keys, values] = await Promise.all([asked(store.getAllKeys()), asked(store.getAll())]);
      return keys.map((key, at) => [(key as RecordId[])[0]!, values[at] as Mutation]);
    },
    keepSchema: (description) => write((memory) => put(memory, "meta", 1, description)),
    watch(watcher) {
      watchers.add(watcher);
      return () => void watchers.delete(watcher);
    },
    listen: (word, listener) => void listeners.set(word, listener),
    tell: (word, value) => channel?.postMessage({ word, value } satisfies Message),
    wipe: () => locked(`${name}-write`, async () => {
      const work = await transaction("readwrite", "strict");
      const done = ended(work);
      const meta = ((await asked(work.objectStore("meta").get(0))) as Meta | undefined) ?? memory.meta;
      for (const store of STORES) work.objectStore(store).clear();
      work.objectStore("meta").put({ ...meta, version: meta.version + 1, account: "" }, 0);
      work.commit?.();
      await done;
      channel?.postMessage({ version: meta.version + 1 } satisfies Message);
      isStale = true;
    }).then(() => write(() => {})),
  };
}
