/** The local side of a client: holds its parts, and says whose data they work on. */

import type { Write } from "../contract/changes.js";
import { isRecordId, isTemporary } from "../contract/ids.js";
import { assertValid } from "../contract/refusal.js";
import type { Client } from "../core/client.js";
import type { AnyRecord } from "../core/repository.js";
import type { SessionState } from "../core/tokens.js";
import { loadLater } from "./loading.js";
import { type Memory, put, putSpace } from "./memory.js";
import { createOutbox, type Handle, type Outbox } from "./outbox.js";
import type { LocalParts } from "./parts.js";
import { type LocalRepository, localRepository } from "./repository.js";
import { createStore } from "./store.js";
import type { Sync } from "./status.js";
import { createSync } from "./sync.js";
import type { RecordId } from "./types.js";

/** The settings of `openLocal`; all may be left out. */
export interface LocalOptions {
  /** Tells stores apart; by default the server's host, so that each server has its own. */
  name?: string;
  /** Collections to synchronise from the start; others are from the first `collection` with their name. */
  collections?: readonly string[];
  /** Delete everything on this device when the user logs out, unsent writes too. */
  wipeOnLogOut?: boolean;
}

/** How the browser keeps the data. `isPersistent`: it does not delete them by itself when it needs room. */
export interface StorageState {
  /** Whether the browser keeps the data until the user deletes them. */
  readonly isPersistent: boolean;
  /** Bytes, as the browser estimates them. */
  readonly usage: number | undefined;
  /** Bytes that the app may use, as the browser estimates them. */
  readonly quota: number | undefined;
}

/** The records on this device, the `outbox` of writes, and `sync`, which keeps them in step with the server. */
export interface Local {
  /** Whose data are shown, also when the server has ended the session; "" for nobody's. */
  readonly account: RecordId;
  /** The writes that wait for the server, and those it has refused. */
  readonly outbox: Outbox;
  /** Synchronisation and its status. */
  readonly sync: Sync;
  /** The records of a collection, which is synchronised from now on. `ids`: as declared, where no server was reached yet. */
  collection<T = AnyRecord>(name: string, options?: { parent?: string; ids?: "string" | "integer" }): LocalRepository<T>;
  /** Keeps several writes that happen together or not at all; a creation without an id gets one here. */
  write(writes: readonly Write[]): Promise<Handle>;
  /** Asks the browser to keep the data until the user deletes them, and says what it answered. */
  persist(): Promise<StorageState>;
  /** Ends synchronisation and closes the store in this tab; what waits in the outbox stays there. */
  close(): Promise<void>;
  /** Deletes the data of all accounts on this device, unsent writes too; in all tabs. */
  wipe(): Promise<void>;
}

/** The account of a session's state, "" for nobody; null: the one that was in force stays, as where the server ended it. */
const accountIn = (state: SessionState): RecordId | null =>
  state.kind === "signedIn" ? state.user.id
    : state.kind === "signedOut" && !/refused|unreadable/.test(state.reason) ? "" : null;

/** Opens the local store of a client, and follows its session. Rejects with StoreError. */
export async function openLocal(client: Client, options: LocalOptions = {}): Promise<Local> {
  const { auth, internals } = client;
  const { clock } = internals;
  const prefix = `hinterland-${options.name ?? new URL(client.url).host}`;
  const store = createStore(prefix, clock, (error) => void sync.stop(error));
  const { memory } = store;
  const sync = createSync(store, client);
  const outbox = createOutbox(store, clock);
  const wanted = new Set(options.collections);
  const declared = new Map<string, "string" | "integer">();
  let switching = Promise.resolve();
  const ended = new AbortController(); // also the options of listeners: its `signal` removes them

  // ---------------------------------------------------------------- whose data

  const isMissing = (name: string) => !memory.space?.wanted.includes(name);

  /** Keeps whose data are shown, and which collections are wanted. */
  const settle = () => store.write((memory: Memory) => {
    if ([...wanted].some(isMissing)) putSpace(memory, { wanted: [...new Set([...memory.space!.wanted, ...wanted])].sort() });
    else if (memory.meta.account !== memory.account) put(memory, "meta", 0, memory.meta);
  });

  store.watch(({ isAll }) => {
    if (isAll && memory.space && [...wanted].some(isMissing)) settle().catch(() => {}); // another tab wiped
  });

  /** From now on `account` is signed in; resolves when nothing for the one before is under way. */
  async function turnTo(account: RecordId, isLogOut: boolean) {
    if (account !== memory.account) {
      await sync.held(async () => {
        // A full device, which keeps nothing of the next account, is wiped all the same.
        await store.turnTo(account).finally(isLogOut && options.wipeOnLogOut ? store.wipe : null);
        await settle();
      });
    }
    sync.nudge(); // ends a pause that began because the server wanted the same user to sign in again
  }

  const caughtUp = () => switching;

  /** Follows each state in turn: a log-out wipes before what comes after it. */
  function onState(state: SessionState) {
    const account = accountIn(state);
    if (account === null) return;
    const isLogOut = state.kind === "signedOut" && state.reason === "log_out";
    switching = switching.then(() => turnTo(account, isLogOut)).catch(console.error);
  }

  // ---------------------------------------------------------------- records

  const idsOf = (name: string) => memory.shapes.get(name)?.schema.ids ?? declared.get(name) ?? "string";

  const stored = (name: string, id: RecordId): RecordId =>
    idsOf(name) === "integer" && /^\d+$/.test(String(id)) ? Number(id) : id;

  /** The write with its record's id: a creation without one gets the one in its body, else a new one. */
  function identified({ act, collection, id = "", parent = "", body = {} }: Write): Write {
    const { created_at, updated_at, revision, ...fields } = body;
    if (act === "create" && id === "") {
      id = (fields["id"] as RecordId) || (idsOf(collection) === "integer" ? "~" : "") + outbox.nextId();
      delete fields["id"];
    }
    return { act, collection, parent, id: stored(collection, id), body: fields };
  }

  function want(name: string) {
    if (!isRecordId(name) || wanted.has(name)) return;
    wanted.add(name);
    void settle().catch(console.warn); // the first use of the collection meets it too
  }

  const parts: LocalParts = {
    store, sync, stored,
    async add(writes, adjust = (_, writes) => writes) {
      const known = writes.map(identified);
      return outbox.add(known.map(({ collection }) => collection), (memory) => adjust(memory, known));
    },
    ask: (name, parent, query) => client.collection(name, { parent }).list(query as object),
  };

  const local: Local = {
    get account() {
      return memory.account;
    },
    outbox, sync,
    collection(name, { parent = "", ids } = {}) {
      checkPath(name, parent);
      if (ids) declared.set(name, ids);
      want(name);
      return localRepository(parts, name, parent);
    },
    async write(writes) {
      for (const { collection, parent = "" } of writes) checkPath(collection, parent), want(collection);
      return parts.add([...writes]);
    },
    async persist() {
      const storage = globalThis.navigator?.storage as StorageManager | undefined;
      const isPersistent = (await storage?.persist?.()) ?? false;
      const { usage, quota } = (await storage?.estimate?.()) ?? {};
      return { isPersistent, usage, quota };
    },
    async close() {
      internals.followers.delete(caughtUp);
      unsubscribe();
      ended.abort();
      await sync.stop();
      store.close();
    },
    wipe: () => sync.held(async () => {
      await store.wipe();
      await settle();
    }),
  };

  loadLater().catch(() => {}); // it is there when the network is gone
  await store.open();
  const unsubscribe = auth.subscribe(onState);
  internals.followers.add(caughtUp);
  internals.closing.addEventListener("abort", () => void local.close(), ended);
  globalThis.addEventListener?.("online", sync.nudge, ended);
  onState(auth.state);
  await caughtUp();
  await settle();
  return local;
}

/** Throws ValidationFailed for what names no collection. */
function checkPath(name: string, parent: string): void {
  const parts = parent ? parent.split("/") : [];
  if (parts.length % 2 || !parts.every((part) => isRecordId(part) || isTemporary(part))) {
    assertValid({ parent: [`must be a record's path such as posts/42; it is '${parent}'`] });
  }
  if (name.includes("/") || !isRecordId(name)) {
    assertValid({ collection: [`must be a name, with the path before it as parent; it is '${name}'`] });
  }
}
