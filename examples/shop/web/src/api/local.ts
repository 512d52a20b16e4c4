/** The shop's records on this device: what is read and written without a network, and what waits to be sent. */

import { type Handle, type Local, type OutboxEntry, openLocal } from "hinterland/offline";
import { useOutbox as useEntries, useStore } from "hinterland/react";
import { tellFailure, tellSuccess } from "../notices.ts";
import { client, type Entry, type Id, type Post } from "./shop.ts";

let opened: Local | undefined;

/** Throws StoreError where the browser lets the page keep nothing. */
export async function openShop(): Promise<void> {
  opened = await openLocal(client, { collections: ["lists", "posts", "products"] });
  opened.sync.start();
}

/** The open store. */
export function local(): Local {
  if (opened === undefined) throw new Error("the local store was not opened");
  return opened;
}

export type Link = "online" | "connecting" | "offline" | "paused";

function linkNow(): Link {
  if (client.connectivity.state === "offline") return "offline"; // it knows before the stream of changes has ended
  const { state, error } = local().sync.status;
  if (state === "following") return error === undefined ? "online" : error.code === "unauthorized" ? "paused" : "offline";
  return state === "stopped" ? "connecting" : state;
}

const link = {
  get state() {
    return linkNow();
  },
  subscribe(listener: (state: Link) => void) {
    const tell = () => listener(linkNow());
    const ends = [local().sync.watch(tell), client.connectivity.subscribe(tell)];
    return () => ends.forEach((end) => end());
  },
};

/** Whether what is written here reaches the server now. */
export const useLink = (): Link => useStore<Link>(link);

export const useOutbox = (): readonly OutboxEntry[] => useEntries<OutboxEntry>(local());

/** Reads all that is new, in whichever tab synchronises. Throws what prevents it. */
export async function refresh(): Promise<void> {
  const { sync } = local();
  if (sync.status.state === "following") sync.nudge();
  else await sync.now();
}

const KEPT = "You are offline. This is kept on this device and sent later.";

/** Tells what became of a write: at once while offline, else when the server has decided. */
export function report(write: Handle, done: string): void {
  const isOffline = linkNow() === "offline";
  if (isOffline) tellSuccess(KEPT);
  void write.settled().then(({ status, problem }) => {
    if (status === "refused") tellFailure(`Not accepted: ${problem?.message ?? "no reason was given"}. It is kept under Changes.`);
    else if (status === "applied" && !isOffline) tellSuccess(done);
  });
}

export const posts = {
  create: (draft: Pick<Post, "title" | "body" | "author">) => local().collection<Post>("posts").create(draft),
  change: (id: Id, change: Partial<Pick<Post, "title" | "body">>) => local().collection<Post>("posts").update(id, change),
  delete: (id: Id) => local().collection<Post>("posts").delete(id),
};

export const entries = {
  create: (draft: Pick<Entry, "title" | "owner" | "members" | "done">) => local().collection<Entry>("lists").create(draft),
  change: (id: Id, change: Partial<Pick<Entry, "title" | "done">>) => local().collection<Entry>("lists").update(id, change),
  /** A member is added, not the list of them replaced, so that two people who share at once both succeed. */
  share: (id: Id, member: string) => local().collection<Entry>("lists").update(id, { members: { $add: [member] } }),
  delete: (id: Id) => local().collection<Entry>("lists").delete(id),
};
