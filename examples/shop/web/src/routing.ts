/** Routes live in the address's hash, so any static server can serve the page. */

import { useSyncExternalStore } from "react";

export interface Route {
  readonly path: string;
  readonly next: string | null;
}

function parseHash(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#/, "").split("?");
  return { path: path || "/", next: new URLSearchParams(query).get("next") };
}

function subscribe(listener: () => void): () => void {
  window.addEventListener("hashchange", listener);
  return () => window.removeEventListener("hashchange", listener);
}

export function useRoute(): Route {
  return parseHash(useSyncExternalStore(subscribe, () => location.hash));
}

export function go(path: string): void {
  location.hash = path;
}

/** Like `go`, without a step that the back button would return to. */
export function goInstead(path: string): void {
  location.replace(`#${path}`);
}

export function logInPath(next: string): string {
  return `/login?${new URLSearchParams({ next })}`;
}

/** Where to go after log-in: only a path of this page, never an address of another site. */
export function pathAfterLogIn(next: string | null): string {
  return next?.startsWith("/") ? next : "/posts";
}
