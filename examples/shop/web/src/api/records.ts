/** The shop's records, on this device or, where the browser keeps nothing, on the server alone. */

import type { Client, Draft, HinterlandError, ListQuery, Page, Patch } from "hinterland";
import type { Handle, Outbox, OutboxEntry, StorageState, Trouble } from "hinterland/offline";
import { type QueryResult, type StateStore, useOutbox as useEntries, useStore } from "hinterland/react";
import { useEffect, useState } from "react";
import { liveWay } from "../config.ts";
import { tellFailure, tellSuccess } from "../notices.ts";
import { canGoWithout, openHere } from "./local.ts";
import { listening } from "./live.ts";
import { openOnline } from "./online.ts";
import type { Entry, Id, Post } from "./shop.ts";

/** Whether what is written reaches the server now; a Trouble: why this device keeps nothing at the moment. */
export type Link = "online" | "connecting" | "offline" | "paused" | Trouble;

type Written = Pick<Handle, "settled">;

/** The records of a collection. */
export interface Records<T> {
  get(id: Id): Promise<T>;
  list(query?: ListQuery<T>): Promise<Page<T>>;
  states(query?: ListQuery<T>): StateStore<QueryResult<T>>;
  create(draft: Draft<T>): Promise<Written>;
  update(id: Id, change: Patch<T>): Promise<Written>;
  delete(id: Id): Promise<Written>;
}

export interface Shop {
  collection<T>(name: string): Records<T>;
  /** null: nothing waits here. */
  readonly outbox: Outbox | null;
  readonly link: StateStore<Link>;
  /** Reads all that is new. Throws what prevents it. */
  refresh(): Promise<void>;
  /** Asks the browser to keep the data. */
  persist(): Promise<StorageState>;
  /** Why nothing is kept on this device. */
  readonly obstacle: HinterlandError | null;
}

const COLLECTIONS = ["lists", "posts", "products"];

let opened: Shop | undefined;
let storage: Promise<StorageState> | undefined;

/** Throws StoreError where another tab or a reload gives the store back. */
export async function openShop(ours: Client): Promise<void> {
  const client = await listening(ours, liveWay);
  try {
    opened = await openHere(client, COLLECTIONS);
  } catch (error) {
    if (!canGoWithout(error)) throw error;
    console.warn("Nothing is kept on this device.", error);
    opened = openOnline(client, COLLECTIONS, error);
  }
}

/** The open shop. */
export function shop(): Shop {
  if (opened === undefined) throw new Error("the shop was not opened");
  return opened;
}

export const useLink = (): Link => useStore<Link>(shop().link);

const NOTHING = { list: () => [], watch: () => () => {} };

export const useOutbox = (): readonly OutboxEntry[] => useEntries<OutboxEntry>({ outbox: shop().outbox ?? NOTHING });

export const isWaiting = ({ state }: OutboxEntry): boolean => state === "pending" || state === "sent";

/** The ids of the records of a collection with changes that the server does not have yet. */
export function useUnsent(collection: string): ReadonlySet<Id | undefined> {
  const writes = useOutbox().filter(isWaiting).flatMap((entry) => entry.writes);
  return new Set(writes.filter((write) => write.collection === collection).map(({ id }) => id));
}

/** Whether the browser keeps the data. It is asked once, when somebody has signed in: some browsers ask the user. */
export function askToPersist(): Promise<StorageState> {
  return (storage ??= shop().persist());
}

/** null: it is not known yet. */
export function useStorage(): StorageState | null {
  const [state, setState] = useState<StorageState | null>(null);
  useEffect(() => void askToPersist().then(setState, console.warn), []);
  return state;
}

const KEPT = "You are offline. This is kept on this device and sent later.";

/** Tells what became of a write: at once while offline, else when the server has decided. */
export function report(write: Written, done: string): void {
  const isOffline = shop().link.state === "offline" && shop().outbox !== null;
  if (isOffline) tellSuccess(KEPT);
  write.settled().then(({ status, problem }) => {
    if (status === "refused") tellFailure(`Not accepted: ${problem?.message ?? "no reason was given"}. It is kept under Changes.`);
    else if (status === "applied" && !isOffline) tellSuccess(done);
  }).catch(console.warn); // of a write that was deleted with the data of this device nothing is known
}

const stored = {
  posts: () => shop().collection<Post>("posts"),
  lists: () => shop().collection<Entry>("lists"),
};

export const posts = {
  create: (draft: Pick<Post, "title" | "body" | "author">) => stored.posts().create(draft),
  change: (id: Id, change: Partial<Pick<Post, "title" | "body">>) => stored.posts().update(id, change),
  delete: (id: Id) => stored.posts().delete(id),
};

export const entries = {
  create: (draft: Pick<Entry, "title" | "owner" | "members" | "done">) => stored.lists().create(draft),
  change: (id: Id, change: Partial<Pick<Entry, "title" | "done">>) => stored.lists().update(id, change),
  /** A member is added, not the list of them replaced, so that two people who share at once both succeed. */
  share: (id: Id, member: string) => stored.lists().update(id, { members: { $add: [member] } }),
  delete: (id: Id) => stored.lists().delete(id),
};
