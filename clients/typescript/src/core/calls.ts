import { errorIn, failure, refusedHere, unexpected } from "../contract/errors.js";
import { OPERATIONS, type Operation } from "../contract/operations.js";
import type { Clock } from "../kit/clock.js";
import { isObject, NOT_FINITE } from "../kit/json.js";
import { type ClientResponse, type Journal, originOf, type Send } from "./exchange.js";
import type { Options } from "./options.js";

export type Pairs = readonly (readonly [string, string])[];

/** The parts of a call that its operation does not determine. */
export interface Parts {
  /** The end of an operation's path, encoded. */
  at?: string;
  query?: Pairs | undefined;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is, instead of JSON; a ReadableStream is sent once. */
  body?: BodyInit | null;
  /** Further headers. */
  headers?: Record<string, string> | undefined;
  /** The idempotency key of a write; one is made where it is missing. */
  key?: string | undefined;
  /** Seconds for the call with all its attempts. */
  deadline?: number | undefined;
  /** Ends the call. */
  signal?: AbortSignal | null | undefined;
  /** Whether the body is read piece by piece, from `body` of the response. */
  isStream?: boolean;
  /** Whether a response with a status from 400 on is returned, not thrown. */
  isAnyStatus?: boolean;
  read?: number;
  retries?: number;
}

/** Reaches the server. All throw a StatusError for a status from 400 on. */
export interface Calls {
  /**
   * The response of a call that the table does not have; `path` begins with `/` or is a whole URL, and `row` has what an
   * operation says of it.
   */
  request(method: string, path: string, parts?: Parts, row?: Partial<Operation>): Promise<ClientResponse>;
  /** The response of an operation of the table. */
  perform(operation: string, parts?: Parts): Promise<ClientResponse>;
  /** The object that an operation responds with. */
  call(operation: string, parts?: Parts): Promise<Record<string, any>>;
  /** Perform an operation that responds with nothing. */
  order(operation: string, parts?: Parts): Promise<void>;
}

export function makeCalls(send: Send, base: string, clock: Clock, options: Options): Calls {
  const own = originOf(base);
  const request: Calls["request"] = async (
    method, path, parts = {}, { name: operation = "", hasAuth = true, isRepeatable = false } = {},
  ) => {
    const { json, query = [], headers, deadline = options.deadline } = parts;
    let url: URL, named: Record<string, string>;
    try {
      url = new URL(path[0] === "/" ? base + path : path);
      named = Object.fromEntries(new Headers({
        accept: "application/json",
        ...(json !== undefined && { "content-type": "application/json" }),
        // The app's own headers may hold its secrets: another server gets none of them.
        ...(url.origin === own && options.headers),
        ...headers,
      }));
    } catch (error) {
      throw failure("unsafe_request", { detail: String(error) });
    }
    for (const [field, value] of query) url.searchParams.append(field, value);
    const journal: Journal = { attempts: 0, waited: 0, sent: "no" };
    const { read, retries } = options;
    const response = await send({
      read, retries, ...parts, deadline, method, url: url.href, headers: named, operation, hasAuth, isRepeatable, journal,
      ...(json !== undefined && { body: encoded(json) }),
    });
    if (parts.isAnyStatus || response.status < 400) return response;
    const { attempts, waited } = journal;
    throw errorIn(response, clock.now(), { operation, attempts, waited, isInDoubt: response.isInDoubt });
  };

  const perform: Calls["perform"] = async (operation, { at = "", key, ...parts } = {}) => {
    const row = OPERATIONS.get(operation)!;
    if (row.hasKey) {
      parts.headers = { "idempotency-key": key || crypto.getRandomValues(new Uint8Array(16)).join(""), ...parts.headers };
    }
    return request(row.method, row.path + at, parts, row);
  };

  return {
    request,
    perform,
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
        throw new TypeError(NOT_FINITE);
      }
      return item;
    });
  } catch (error) {
    throw refusedHere("invalid_body", `request body: ${(error as Error).message}`);
  }
}
