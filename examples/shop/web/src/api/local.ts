/** The shop's records on this device: what is read and written without a network, and what waits to be sent. */

import { type Client, HinterlandError } from "hinterland";
import { type Local, openLocal } from "hinterland/offline";
import type { Link, Shop } from "./records.ts";
import { isOfStore } from "./texts.ts";

function linkOf(client: Client, { sync }: Local): Link {
  const { state, error } = sync.status;
  if (error !== undefined && isOfStore(error.code)) return error;
  if (client.connectivity.state === "offline") return "offline"; // it knows before the stream of changes has ended
  if (state === "following") return error === undefined ? "online" : error.code === "unauthorized" ? "paused" : "offline";
  return state === "stopped" ? "connecting" : state;
}

/** Throws StoreError where the browser lets the page keep nothing. */
export async function openHere(client: Client, collections: readonly string[]): Promise<Shop> {
  const local = await openLocal(client, { collections });
  const { sync, outbox } = local;
  sync.start();
  return {
    outbox,
    collection: local.collection,
    link: {
      get state() {
        return linkOf(client, local);
      },
      subscribe(listener) {
        const tell = () => listener(linkOf(client, local));
        const ends = [sync.watch(tell), client.connectivity.subscribe(tell)];
        return () => ends.forEach((end) => end());
      },
    },
    async refresh() {
      if (sync.status.state === "following") sync.nudge();
      else await sync.now();
    },
    persist: local.persist,
    obstacle: null,
  };
}

/** Whether the shop can be used without the store: not where another tab, or a reload, gives it back. */
export function canGoWithout(error: unknown): error is HinterlandError {
  return error instanceof HinterlandError && isOfStore(error.code) && !/busy|too_new/.test(error.code);
}
