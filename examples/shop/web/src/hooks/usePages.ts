import { useCallback } from "react";
import type { Page } from "../api/shop.ts";
import { useAct } from "./useAct.ts";
import { type Loaded, useLoad } from "./useLoad.ts";

interface Item {
  readonly id: string | number;
}

export interface Pages<T> extends Loaded<Page<T>> {
  readonly more: () => void;
  readonly isAdding: boolean;
  readonly add: (item: T) => void;
  readonly replace: (item: T) => void;
  readonly remove: (item: T) => void;
}

type LoadPage<T> = (cursor?: string, signal?: AbortSignal) => Promise<Page<T>>;

/** A list that is read page by page, and the edits of it that the page makes itself. */
export function usePages<T extends Item>(loadPage: LoadPage<T>): Pages<T> {
  const loaded = useLoad(useCallback((signal: AbortSignal) => loadPage(undefined, signal), [loadPage]));
  const adding = useAct();
  const { data, change } = loaded;
  const more = () =>
    void adding.run(async () => {
      if (!data?.next) return;
      const page = await loadPage(data.next);
      // Another question may have taken the list's place meanwhile; what was added here is not shown twice.
      change((old) => (old.next === data.next ? { ...page, items: joined(old.items, page.items) } : old));
    });
  const grow = (old: Page<T>, by: number) => (old.total == null ? {} : { total: old.total + by });
  return {
    ...loaded,
    more,
    isAdding: adding.isBusy,
    add: (item) => change((old) => ({ ...old, ...grow(old, 1), items: [item, ...old.items] })),
    replace: (item) => change((old) => ({ ...old, items: old.items.map((one) => (one.id === item.id ? item : one)) })),
    remove: (item) =>
      change((old) => ({ ...old, ...grow(old, -1), items: old.items.filter((one) => one.id !== item.id) })),
  };
}

function joined<T extends Item>(old: readonly T[], next: readonly T[]): T[] {
  const known = new Set(old.map((item) => item.id));
  return [...old, ...next.filter((item) => !known.has(item.id))];
}
