import { errorIn, failure, invalid, refusedHere, unexpected } from "../contract/errors.js";
import { OPERATIONS, type Operation } from "../contract/operations.js";
import type { Clock } from "../kit/clock.js";
import { newId } from "../kit/ids.js";
import { isObject } from "../kit/json.js";
import { type ClientRequest, type ClientResponse, originOf, type Send } from "./exchange.js";
import type { Options } from "./options.js";

export type Pairs = readonly (readonly [string, string])[];

/** The parts of a call that its operation does not determine. */
export interface Parts {
  segments?: Record<string, string | number>;
  query?: Pairs | undefined;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is, instead of JSON; a ReadableStream is sent once. */
  body?: BodyInit | null | undefined;
  headers?: Record<string, string> | undefined;
  /** The idempotency key of a write; one is made where it is missing. */
  key?: string | undefined;
  /** Seconds for the call with all its attempts. */
  deadline?: number | undefined;
  signal?: AbortSignal | null | undefined;
  /** Whether the body is read piece by piece, from `body` of the response. */
  isStream?: boolean | undefined;
  read?: number;
  retries?: number;
}

/** Reaches the server. */
export interface Calls {
  /** The response of a call that the table does not have; `path` begins with `/` or is a whole URL. */
  request(method: string, path: string, parts?: Parts): Promise<ClientResponse>;
  /** The response of an operation. Throws a StatusError for a status from 400 on. */
  perform(operation: Operation | string, parts?: Parts): Promise<ClientResponse>;
  /** The object that an operation responds with. */
  call(operation: string, parts?: Parts): Promise<Record<string, any>>;
  /** Perform an operation that responds with nothing. */
  order(operation: string, parts?: Parts): Promise<void>;
}

export function makeCalls(send: Send, base: string, clock: Clock, options: Options): Calls {
  const own = originOf(base);

  const asRequest = (method: string, path: string, parts: Parts): ClientRequest => {
    let url: URL, headers: Record<string, string>;
    const isJson = parts.json !== undefined;
    try {
      url = new URL(path[0] === "/" ? base + path : path);
      headers = Object.fromEntries(new Headers({
        accept: "application/json",
        ...(isJson && { "content-type": "application/json" }),
        // The app's own headers may hold its secrets: another server gets none of them.
        ...(url.origin === own && options.headers),
        ...parts.headers,
      }));
    } catch (error) {
      throw failure("unsafe_request", { detail: String(error) });
    }
    for (const [name, value] of parts.query ?? []) url.searchParams.append(name, value);
    const { deadline = options.deadline, read = options.read, retries = options.retries } = parts;
    return {
      method, url: url.href, headers, body: isJson ? encoded(parts.json) : parts.body ?? null, deadline, read, retries,
      operation: "", isRepeatable: false, hasAuth: true, isStream: parts.isStream ?? false,
      signal: parts.signal ?? null, journal: { attempts: 0, waited: 0, sent: "no" },
    };
  };

  const answered = async (request: ClientRequest): Promise<ClientResponse> => {
    const response = await send(request);
    if (response.status < 400) return response;
    const { operation, journal: { attempts, waited } } = request;
    throw errorIn(response, clock.now(), { operation, attempts, waited, isInDoubt: response.isInDoubt });
  };

  const perform: Calls["perform"] = (operation, parts = {}) => {
    const row = typeof operation === "string" ? OPERATIONS.get(operation)! : operation;
    const path = row.path.replace(/\{(\w+)\}/g, (_, name: string) => segment(name, parts.segments?.[name]));
    const headers = row.hasKey ? { "idempotency-key": parts.key || newId(clock.now()), ...parts.headers } : parts.headers;
    const { name, hasAuth, isRepeatable } = row;
    return answered({
      ...asRequest(row.method, path, { ...parts, headers }), operation: name, hasAuth, isRepeatable,
    });
  };

  return {
    request: async (method, path, parts = {}) => answered(asRequest(method.toUpperCase(), path, parts)),
    perform: async (operation, parts) => perform(operation, parts),
    async call(operation, parts) {
      const response = await perform(operation, parts);
      const value: unknown = response.json();
      if (!isObject(value)) throw unexpected(response, "no object", operation);
      return value;
    },
    async order(operation, parts) {
      const response = await perform(operation, parts);
      if (response.text) throw unexpected(response, "a body where none was expected", operation);
    },
  };
}

function encoded(value: unknown): string {
  try {
    return JSON.stringify(value, (_, item: unknown) => {
      if (typeof item === "number" && !Number.isFinite(item)) {
        throw new TypeError("a number is NaN or infinite; JSON has finite numbers only");
      }
      return item;
    });
  } catch (error) {
    throw refusedHere("invalid_body", `request body: ${(error as Error).message}`);
  }
}

const ID = /^(?!~|__|\.{1,2}$)[^/\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,128}$/u;

/** Whether `value` may be the id of a record; its length in bytes is checked by the server. */
export const isId = (value: unknown): boolean => Number.isSafeInteger(value) || (typeof value === "string" && ID.test(value));

/** Throws NotFound for an id that no record can have. */
export function checkedId(collection: string, id: string | number): string | number {
  if (isId(id)) return id;
  throw refusedHere("not_found", `there is no ${collection}/${String(id).slice(0, 64)}; an id `
    + "must have 1 to 128 bytes of UTF-8 without / and control characters, and not begin with ~ or __");
}

/** The path of a collection, `posts` or `posts/42/comments`. Throws ValidationFailed. */
export function collectionPath(name: string, parent?: string): string {
  const path = parent ? `${parent}/${name}` : name;
  const parts = path.split("/");
  if (parts.length % 2 === 0 || !parts.every(isId)) {
    throw invalid("collection", `must be a name, or a path such as posts/42/comments; it is '${path}'`);
  }
  return path;
}

const segment = (name: string, value: string | number | undefined): string => name === "collection"
  ? collectionPath(String(value)).split("/").map(encodeURIComponent).join("/")
  : encodeURIComponent(checkedId(name, value ?? ""));
