/** The message after every act: the newest one replaces the one before. */

import { useSyncExternalStore } from "react";

export interface Notice {
  readonly id: number;
  readonly kind: "success" | "failure";
  readonly text: string;
  readonly isLasting?: boolean;
}

const SUCCESS_MS = 6000;

let notice: Notice | null = null;
let timer: ReturnType<typeof setTimeout> | undefined;
const listeners = new Set<() => void>();

function show(next: Notice | null): void {
  clearTimeout(timer);
  notice = next;
  if (next?.kind === "success") timer = setTimeout(closeNotice, SUCCESS_MS);
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useNotice(): Notice | null {
  return useSyncExternalStore(subscribe, () => notice);
}

export function closeNotice(): void {
  show(null);
}

/** Closes a failure that is about the screen that it happened on. */
export function closeFailure(): void {
  if (notice?.kind === "failure" && !notice.isLasting) show(null);
}

export function tellSuccess(text: string): void {
  show({ id: Date.now(), kind: "success", text });
}

/** `isLasting`: it is shown on the next screen too, since it is the reason for that screen. */
export function tellFailure(text: string, isLasting = false): void {
  show({ id: Date.now(), kind: "failure", text, isLasting });
}
