import { unexpected } from "../contract/errors.js";
import { parameters, type Query } from "../contract/query.js";
import { isObject } from "../kit/json.js";
import { type Calls, checkedId, collectionPath, type Parts } from "./calls.js";

/** What the server adds to every record. */
export interface Stored {
  id: string | number;
  created_at: string;
  updated_at: string;
  revision: number;
}

/** A record of unknown fields. */
export type AnyRecord = Stored & Record<string, any>;

/** The value that a PATCH may give a field instead of a new one: a change of the current value. */
export type Transform =
  | { $increment: number } | { $add: readonly unknown[] } | { $remove: readonly unknown[] } | { $now: true };

/** The fields of a record to create or replace. */
export type Draft<T> = { [K in keyof T]?: T[K] | null | undefined };
/** The fields to change. */
export type Patch<T> = { [K in keyof T]?: T[K] | Transform | null | undefined };
/** The fields that a list compares. */
export type Where<T> = { [K in keyof T]?: T[K] | null | undefined };
export type ListQuery<T> = Query<Where<T>>;

/** Some records in order. `next` is the `cursor` of the page after it, null at the end; `total` only if asked for. */
export interface Page<T> {
  items: T[];
  next: string | null;
  total: number | null;
}

export interface CallOptions {
  /** Seconds for the call with all its attempts. */
  deadline?: number | undefined;
  signal?: AbortSignal | null | undefined;
}

export interface WriteOptions extends CallOptions {
  /** Your own idempotency key. */
  key?: string | undefined;
}

export interface ChangeOptions extends WriteOptions {
  /** Write only if the record still has this revision, else throw Stale. */
  revision?: number | undefined;
}

/** The records of one collection. A test's fake is any object with these methods. All throw HinterlandError. */
export interface Repository<T> {
  /** The path of the collection, such as `posts/42/comments`. */
  readonly name: string;
  get(id: string | number, options?: CallOptions): Promise<T>;
  /** A page of the records that match; without `sort` in the order of ids, the oldest first. */
  list(query?: ListQuery<T>, options?: CallOptions): Promise<Page<T>>;
  /** All records that match, page by page of `limit` (100). */
  iterate(query?: Omit<ListQuery<T>, "page" | "cursor" | "total">, options?: CallOptions): AsyncGenerator<T, void>;
  create(draft: Draft<T>, options?: WriteOptions): Promise<T>;
  /** Change the given fields (RFC 7396). */
  update(id: string | number, patch: Patch<T>, options?: ChangeOptions): Promise<T>;
  /** Replace all fields. */
  replace(id: string | number, draft: Draft<T>, options?: ChangeOptions): Promise<T>;
  delete(id: string | number, options?: ChangeOptions): Promise<void>;
}

/** The repository that asks the server. Every write has an idempotency key, so that it may be repeated. */
export function repository<T>(calls: Calls, collection: string, parent?: string): Repository<T> {
  const name = collectionPath(collection, parent);

  const at = (id?: string | number) =>
    ({ collection: name, ...(id !== undefined && { id: checkedId(name, id) }) });

  const parts = (options: ChangeOptions = {}, more: Parts = {}): Parts => {
    const { revision, ...rest } = options;
    return { ...rest, ...more, ...(revision !== undefined && { headers: { "if-match": `"${revision}"` } }) };
  };
  const write = (operation: string, json: object, options?: ChangeOptions, id?: string | number): Promise<any> =>
    calls.call(operation, parts(options, { segments: at(id), json: json ?? null }));

  async function list(query: ListQuery<T> = {}, options?: CallOptions): Promise<Page<T>> {
    const response = await calls.perform("records.list", parts(options, { segments: at(), query: parameters(query) }));
    const value: unknown = response.json();
    if (!isObject(value) || !Array.isArray(value["items"])) {
      throw unexpected(response, "no list of records", "records.list");
    }
    const { items, next, total } = value as unknown as Page<T>;
    return { items, next: next || null, total: total ?? null };
  }

  return {
    name,
    get: async (id, options) => await calls.call("records.view", parts(options, { segments: at(id) })) as T,
    list,
    async *iterate(query, options) {
      let cursor: string | null | undefined;
      do {
        const page = await list({ limit: 100, ...query, cursor }, options);
        yield* page.items;
        cursor = page.next;
      } while (cursor);
    },
    create: async (draft, options) => write("records.create", draft, options),
    update: async (id, patch, options) => write("records.patch", patch, options, id),
    replace: async (id, draft, options) => write("records.replace", draft, options, id),
    delete: async (id, options) => calls.order("records.delete", parts(options, { segments: at(id) })),
  };
}
