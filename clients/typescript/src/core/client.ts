import { failure } from "../contract/errors.js";
import type { Random } from "../kit/backoff.js";
import { type Clock, systemClock } from "../kit/clock.js";
import { type Auth, makeAuth } from "./auth.js";
import { bearer } from "./bearer.js";
import { breaker, type Connectivity } from "./breaker.js";
import { type Calls, makeCalls, type Pairs, type Parts } from "./calls.js";
import { deadline } from "./deadline.js";
import { type EventOptions, type LiveEvent, liveEvents } from "./events.js";
import { type ClientResponse, type Layer, stack } from "./exchange.js";
import { DEFAULTS, type Options } from "./options.js";
import { type AnyRecord, type Repository, repository } from "./repository.js";
import { retry } from "./retry.js";
import { sessionIn, type TokenKeeper, tokenKeeper } from "./tokens.js";
import { type Trace, trace } from "./trace.js";
import { type Fetch, transport } from "./transport.js";
import { defaultVault, type Vault } from "./vault.js";

// A call that waits for a renewal fails after this time. The same refresh token may be sent again later.
const REFRESH: Parts = { deadline: 9, read: 4, retries: 8 };
const PROBE: Parts = { deadline: 10, retries: 0 };

/** The settings of `createClient`; all may be left out. */
export interface ClientSettings {
  /** The backend's address; by default that of the page, and outside of browsers http://127.0.0.1:8000. */
  url?: string | undefined;
  /** Where the session is stored; by default localStorage in browsers, else memory. */
  vault?: Vault | undefined;
  /** Time limits, retries and headers. */
  options?: Partial<Options> | undefined;
  /** Gets a trace of each call. */
  onTrace?: ((trace: Trace) => void) | undefined;
  /** Functions around each call, outside of its retries. */
  layers?: readonly Layer[] | undefined;
  /** Allow plain http to another machine than this one and the page's own. */
  allowHttp?: boolean | undefined;
  /** Replaced in tests. */
  fetch?: Fetch | undefined;
  /** Replaced in tests. */
  clock?: Clock | undefined;
  /** Replaced in tests. */
  random?: Random | undefined;
}

/** The parts of a request. */
export interface RequestParts extends Pick<Parts, "json" | "body" | "headers" | "deadline" | "signal" | "isStream"> {
  /** The query string's names and values. */
  query?: object | undefined;
}

/** How an operation is called. */
export interface InvokeOptions extends Pick<Parts, "headers" | "deadline" | "signal"> {
  /** POST by default. */
  method?: string | undefined;
}

/** What the package's other entries use of a client. */
export interface Internals {
  /** Reaches the server. */
  readonly calls: Calls;
  /** The session's access token. */
  readonly tokens: Pick<TokenKeeper, "current" | "renewed">;
  /** The client's clock. */
  readonly clock: Clock;
  /** The client's random numbers. */
  readonly random: Random;
  /** Signing in and out wait for them. */
  readonly followers: Set<() => Promise<void>>;
  /** Aborts when the client is closed. */
  readonly closing: AbortSignal;
}

/** Reaches a backend. */
export interface Client {
  /** The server's address. */
  readonly url: string;
  /** Accounts and the session. */
  readonly auth: Auth;
  /** Whether the server can be reached. */
  readonly connectivity: Connectivity;
  /** The records of a collection; `parent` is the path of the record that owns them, `posts/42`. */
  collection<T = AnyRecord>(name: string, options?: { parent?: string | undefined }): Repository<T>;
  /** The live events of collections, whose records are a `T`, from now on or after a cursor. */
  events<T = Record<string, any>>(
    names: string | readonly string[], options?: EventOptions,
  ): AsyncGenerator<LiveEvent<T>, void>;
  /** Call an operation of your app with its input; null: it has no output. */
  call<T = any>(operation: string, input?: object, options?: InvokeOptions): Promise<T>;
  /** Call any path of the backend, or a whole URL of another server, which does not get the session's token. */
  request(method: string, path: string, parts?: RequestParts): Promise<ClientResponse>;
  /** End what is running with the error `closed`. The session stays in its vault. */
  close(): void;
  /** For the package's other entries; not for apps. */
  readonly internals: Internals;
}

/** A client of the backend at `url`. Throws `invalid_setting` and `insecure_address`. */
export function createClient(settings: ClientSettings = {}): Client {
  const { clock = systemClock, random = Math.random, layers = [], onTrace } = settings;
  const fetch: Fetch = settings.fetch ?? ((url, init) => globalThis.fetch(url, init));
  const options = { ...DEFAULTS, ...settings.options };
  const url = addressOf(settings.url, settings.allowHttp);
  const { origin } = new URL(url);
  const closed = new AbortController();
  const running = new Set<AbortController>();
  const followers = new Set<() => Promise<void>>();

  const breaking = breaker(clock, random, origin, () => void unsigned.request("GET", "/health", PROBE).catch(() => {}));
  const above: Layer[] = [
    ...(onTrace ? [trace(clock, onTrace)] : []), deadline(clock, closed.signal, running), ...layers,
    retry(clock, options, random), breaking.layer,
  ];
  const bottom = transport(fetch, clock);
  const unsigned = makeCalls(stack(above, bottom), url, clock, options);
  const tokens = tokenKeeper(settings.vault ?? defaultVault(`hinterland:${origin}`), clock, origin,
    async (refresh_token) =>
      sessionIn(await unsigned.call("auth.refresh", { ...REFRESH, json: { refresh_token } }), clock.now()));
  const calls = makeCalls(stack([...above, bearer(tokens, origin)], bottom), url, clock, options);

  const on = globalThis.addEventListener as typeof addEventListener | undefined;
  const { signal } = closed;
  on?.("online", breaking.nudge, { signal });
  on?.("offline", breaking.open, { signal });

  return {
    url,
    auth: makeAuth(calls, tokens, clock, followers),
    connectivity: breaking.connectivity,
    collection: (name, { parent } = {}) => repository(calls, name, parent),
    events: <T>(names: string | readonly string[], given?: EventOptions) =>
      liveEvents(calls, clock, random, signal, running, [names].flat(), given) as
        AsyncGenerator<LiveEvent<T>, void>,
    async call(name, input, { method = "POST", ...parts } = {}) {
      const { text, json } = await calls.request(method, `/v1/functions/${encodeURIComponent(name)}`,
        { ...parts, ...(/GET|DELETE/.test(method) ? { query: pairsOf(input) } : { json: input }) }, { name });
      return text ? json() : null;
    },
    request: (method, path, { query, ...parts } = {}) =>
      calls.request(method.toUpperCase(), path, { ...parts, query: pairsOf(query) }),
    close() {
      for (const controller of [closed, ...running]) controller.abort();
      tokens.close();
      breaking.close();
    },
    internals: { tokens, calls, clock, random, followers, closing: signal },
  };
}

const pairsOf = (query: object = {}): Pairs => Object.entries(query).flatMap(([name, value]) =>
  [value].flat().filter((one) => one != null).map((one) => [name, String(one)] as const));

function addressOf(given: string | undefined, allowHttp?: boolean): string {
  const page = (globalThis.location as Location | undefined)?.origin;
  const text = given ?? page ?? "http://127.0.0.1:8000";
  let url: URL | undefined;
  try {
    url = new URL(text, page);
  } catch {
    // It is refused below.
  }
  if (!/^https?:$/.test(url?.protocol!)) {
    throw failure("invalid_setting", {
      message: `"${text}" is not the address of a server.`, advice: "Begin it with https:// or http://.",
    });
  }
  const { protocol, hostname, origin, pathname } = url!;
  const isLocal = /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
  if (protocol === "http:" && !isLocal && !allowHttp && origin !== page) {
    throw failure("insecure_address", { detail: origin });
  }
  return (origin + pathname).replace(/\/+$/, "");
}
