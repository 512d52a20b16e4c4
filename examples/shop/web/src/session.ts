/** Who is signed in, as screens need it. */

import { useSyncExternalStore } from "react";
import type { SessionState } from "hinterland";
import { SESSION_ENDED } from "./api/texts.ts";
import { askToPersist } from "./api/records.ts";
import { client, type User } from "./api/shop.ts";
import { tellFailure } from "./notices.ts";

/** null: nobody is. */
export type Session = User | null;

const userIn = (state: SessionState): Session => (state.kind === "signedIn" ? (state.user as User) : null);

const ENDS: Readonly<Record<string, string>> = {
  refused: SESSION_ENDED,
  elsewhere: "You have logged out in another tab.",
};

export function useUser(): Session {
  return useSyncExternalStore(client.auth.subscribe, () => userIn(client.auth.state));
}

function keepData({ kind }: SessionState): void {
  if (kind === "signedIn") askToPersist().catch(console.warn);
}

/**
 * Says why a session has ended, asks the server once whether the stored one is still good, and the browser to keep what
 * its user writes.
 */
export function watchSession(): void {
  keepData(client.auth.state);
  client.auth.subscribe((state) => {
    keepData(state);
    const text = state.kind === "signedOut" ? ENDS[state.reason] : undefined;
    if (text !== undefined) tellFailure(text, true);
  });
  // Only a definitive refusal signs out, which is reported above; a server that is away doesn't.
  if (client.auth.user !== null) void client.auth.me().catch(() => {});
}
