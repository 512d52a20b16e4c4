/** Who is signed in, as one observable state. */

import { useSyncExternalStore } from "react";
import { ApiError, messageOf, SessionEnded } from "./api/errors.ts";
import { keepTokens } from "./api/http.ts";
import { account, type SignedIn, type User } from "./api/shop.ts";
import { dropTokens, getTokens, onTokensDropped } from "./api/tokens.ts";
import { tellFailure } from "./notices.ts";

export type Session =
  | { readonly state: "signed-out" }
  | { readonly state: "restoring"; readonly failure: unknown }
  | { readonly state: "signed-in"; readonly user: User };

let session: Session = getTokens() ? { state: "restoring", failure: null } : { state: "signed-out" };
const listeners = new Set<() => void>();

function become(next: Session): void {
  session = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

onTokensDropped((reason) => {
  become({ state: "signed-out" });
  if (reason !== null) tellFailure(reason, true);
});

export function useSession(): Session {
  return useSyncExternalStore(subscribe, () => session);
}

/**
 * Asks the server who the stored tokens belong to, unless that is known. Only a definitive refusal signs out; a server
 * that is away doesn't.
 */
export async function restoreSession(): Promise<void> {
  if (session.state !== "restoring") return;
  become({ state: "restoring", failure: null });
  try {
    become({ state: "signed-in", user: await account.me() });
  } catch (failure) {
    if (failure instanceof SessionEnded) return;
    if (failure instanceof ApiError && failure.status === 401) dropTokens(messageOf(failure));
    else become({ state: "restoring", failure });
  }
}

export function signIn(answer: SignedIn): void {
  keepTokens(answer);
  become({ state: "signed-in", user: answer.user });
}

export function updateUser(user: User): void {
  if (session.state === "signed-in") become({ state: "signed-in", user });
}

/** Answers whether the server heard of it; this page forgets the tokens either way. */
export async function signOut(): Promise<boolean> {
  try {
    await account.logOut();
    return true;
  } catch (failure) {
    return failure instanceof SessionEnded;
  } finally {
    dropTokens(null);
  }
}
