import { refusedHere, unexpected } from "../contract/errors.js";
import { ID } from "../contract/ids.js";
import { parameters, type Query } from "../contract/query.js";
import type { Calls, Parts } from "./calls.js";

/** What the server adds to every record. */
export interface Stored {
  /** The id, unique within the collection and its parent. */
  id: string | number;
  /** When it was created, in RFC 3339. */
  created_at: string;
  /** When it was changed last, in RFC 3339. */
  updated_at: string;
  /** The number of its last change; grows with each. */
  revision: number;
}

/** A record of unknown fields. */
export type AnyRecord = Stored & Record<string, any>;

/**
 * The value that a PATCH may give a field instead of a new one: a change of the current value. `$increment` adds to a
 * number, `$add` and `$remove` change which values a list has, `$now` is the server's time.
 */
export type Transform =
  | { $increment: number } | { $add: readonly unknown[] } | { $remove: readonly unknown[] } | { $now: true };

/** The fields of a record to create or replace. */
export type Draft<T> = { [K in keyof T]?: T[K] | null | undefined };
/** The fields to change. */
export type Patch<T> = { [K in keyof T]?: T[K] | Transform | null | undefined };
/** The fields that a list compares. */
export type Where<T> = { [K in keyof T]?: T[K] | null | undefined };
/** What a list of a collection asks for. */
export type ListQuery<T> = Query<Where<T>>;

/** Some records in order. `next` is the `cursor` of the page after it, null at the end; `total` only if asked for. */
export interface Page<T> {
  /** The records. */
  items: T[];
  /** The `cursor` of the next page; null at the end. */
  next: string | null;
  /** How many records match; null unless asked for. */
  total: number | null;
}

/** The limits of a call. */
export interface CallOptions {
  /** Seconds for the call with all its attempts. */
  deadline?: number | undefined;
  /** Ends the call. */
  signal?: AbortSignal | null | undefined;
}

/** How a record is written. */
export interface WriteOptions extends CallOptions {
  /** Your own idempotency key. */
  key?: string | undefined;
}

/** How an existing record is written. */
export interface ChangeOptions extends WriteOptions {
  /** Write only if the record still has this revision, else throw Stale. */
  revision?: number | undefined;
}

/** The records of one collection. A test's fake is any object with these methods. All throw HinterlandError. */
export interface Repository<T> {
  /** The path of the collection, such as `posts/42/comments`. */
  readonly name: string;
  /** One record. Throws NotFound. */
  get(id: string | number, options?: CallOptions): Promise<T>;
  /** A page of the records that match; without `sort` in the order of ids, the oldest first. */
  list(query?: ListQuery<T>, options?: CallOptions): Promise<Page<T>>;
  /** All records that match, page by page of `limit` (100). */
  iterate(query?: Omit<ListQuery<T>, "page" | "cursor" | "total">, options?: CallOptions): AsyncGenerator<T, void>;
  /** Create a record. Throws ValidationFailed and Conflict. */
  create(draft: Draft<T>, options?: WriteOptions): Promise<T>;
  /** Change the given fields (RFC 7396). */
  update(id: string | number, patch: Patch<T>, options?: ChangeOptions): Promise<T>;
  /** Replace all fields. */
  replace(id: string | number, draft: Draft<T>, options?: ChangeOptions): Promise<T>;
  /** Delete a record. Throws NotFound. */
  delete(id: string | number, options?: ChangeOptions): Promise<void>;
}

/** Of a record, or none: of a collection. */
type Id = [] | [id: string | number];

/** Whether `value` may be the id of a record; its length in bytes is checked by the server. */
const isId = (value: unknown) => Number.isSafeInteger(value) || (typeof value === "string" && ID.test(value));

/** The repository that asks the server. Every write has an idempotency key, so that it may be repeated. */
export function repository<T>(calls: Calls, collection: string, parent?: string): Repository<T> {
  const name = parent ? `${parent}/${collection}` : collection;
  const segments = name.split("/");
  if (segments.length % 2 === 0 || !segments.every(isId)) {
    const message = `must be a name, or a path such as posts/42/comments; it is '${name}'`;
    throw refusedHere("validation", `collection: ${message}`, { collection: [message] });
  }
  const parts = ({ revision, ...options }: ChangeOptions = {}, more: Parts = {}, ...id: Id): Parts => {
    if (!id.every(isId)) {
      throw refusedHere("not_found", `there is no ${name}/${id}; this can't be the id of a record`);
    }
    return {
      ...options, ...more, at: [...segments, ...id].map(encodeURIComponent).join("/"),
      ...(revision !== undefined && { headers: { "if-match": `"${revision}"` } }),
    };
  };
  const write = async (operation: string, json: object, options?: ChangeOptions, ...id: Id): Promise<any> =>
    calls.call(operation, parts(options, { json: json ?? null }, ...id));

  async function list(query?: ListQuery<T>, options?: CallOptions): Promise<Page<T>> {
    const response = await calls.perform("records.list", parts(options, { query: parameters(query) }));
    const { items, next, total } = (response.json() ?? {}) as Page<T>;
    if (!Array.isArray(items)) throw unexpected(response, "no list of records", "records.list");
    return { items, next: next || null, total: total ?? null };
  }

  return {
    name,
    list,
    get: async (id, options) => await calls.call("records.view", parts(options, {}, id)) as T,
    async *iterate(query, options) {
      let cursor: string | null | undefined;
      do {
        const page = await list({ limit: 100, ...query, cursor }, options);
        yield* page.items;
        cursor = page.next;
      } while (cursor);
    },
    create: (draft, options) => write("records.create", draft, options),
    update: (id, patch, options) => write("records.patch", patch, options, id),
    replace: (id, draft, options) => write("records.replace", draft, options, id),
    delete: async (id, options) => calls.order("records.delete", parts(options, {}, id)),
  };
}
