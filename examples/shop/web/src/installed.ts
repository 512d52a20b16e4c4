/** The page's service worker, which opens it without a network, and how a new build takes over. */

import { useSyncExternalStore } from "react";

let waiting: ServiceWorker | null = null;
const listeners = new Set<() => void>();

function found(worker: ServiceWorker | null): void {
  // Without a controller it is the first one, which takes over by itself.
  if (worker === null || navigator.serviceWorker.controller === null) return;
  waiting = worker;
  for (const listener of listeners) listener();
}

/** Only in a build; a page of plain http from another machine has no service workers and works all the same. */
export async function install(): Promise<void> {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  try {
    const registration = await navigator.serviceWorker.register("./sw.js");
    found(registration.waiting);
    registration.addEventListener("updatefound", () => {
      const next = registration.installing;
      next?.addEventListener("statechange", () => next.state === "installed" && found(next));
    });
  } catch (error) {
    console.warn("The page can't be opened without a network.", error);
  }
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Whether a newer build of this page is ready. */
export function useUpdate(): boolean {
  return useSyncExternalStore(subscribe, () => waiting !== null);
}

/** Reloads with the newer build. What is written in a form is lost, so it is the user who asks for it. */
export function update(): void {
  navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
  waiting?.postMessage("take over");
}
