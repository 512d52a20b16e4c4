/** One WebSocket for a client's calls and live events. */

import { errorOf, failure, HinterlandError } from "../contract/errors.js";
import { parameters } from "../contract/query.js";
import type { Client } from "../core/client.js";
import { mayPass } from "../core/events.js";
import type { AnyRecord, ListQuery, Page } from "../core/repository.js";
import type { Token } from "../core/tokens.js";
import { objectIn } from "../kit/json.js";
import { listeners, type Listener } from "../kit/listeners.js";
import { type Mailbox, mailbox } from "../kit/mailbox.js";
import { type SocketCall, socketCalls, type SocketResult } from "./calls.js";
import { type ChannelOptions, type JoinedChannel, socketChannels } from "./channels.js";
import { type Link, type LinkState, makeLink, socketAddress, type SocketConstructor } from "./link.js";
import { type LiveState, liveStates } from "./live_list.js";
import type { ServerMessage, SocketEvent } from "./messages.js";
import { anotherUser, type Followed, type SubscribeOptions, type Subscription, subscriptions } from "./subscriptions.js";

const PING = 15; // seconds, until the server has said how often it pings
const RENEWAL = 300_000; // milliseconds between looks at the session, which keep it alive
const MOST_WAITING = 1_000; // events of a loop; a reader that is slower goes on from its cursor later
const PROBE = { deadline: 10, retries: 0 };
const PATH = "/v1/socket", PACKED = "format=msgpack";

/** Values as MessagePack: `encode` and `decode` of the package `@msgpack/msgpack`, or of another. */
export interface Packing {
  /** The bytes of a value. */
  encode(value: unknown): Uint8Array;
  /** The value of bytes. */
  decode(data: Uint8Array): unknown;
}

/** The settings of a socket; all may be left out. */
export interface SocketOptions {
  /** The WebSocket of the platform by default; Node 20 needs that of the package `ws`. */
  WebSocket?: SocketConstructor | undefined;
  /** Messages are MessagePack in binary frames, instead of JSON; after one that it can't read, they are JSON again. */
  msgpack?: Packing | undefined;
}

/** What a socket is doing. */
export interface SocketConnection {
  /** What it is doing. */
  readonly state: LinkState;
  /** Call `listener` with each new state; the returned function ends that. */
  subscribe(listener: Listener<LinkState>): () => void;
}

/** Calls of operations, and live events, over one WebSocket. It is opened by the first that needs it. */
export interface Socket {
  /** What the connection is doing. */
  readonly connection: SocketConnection;
  /**
   * Call an operation of the server. It waits while the connection is cut. Throws what the same call throws over HTTP;
   * `connection_lost` where it can't be repeated and may have been carried out.
   */
  call<T = any>(operation: string, parts?: SocketCall): Promise<SocketResult<T>>;
  /**
   * Follow a collection, or several: what there is, and then what happens, without missing or repeating anything,
   * until the loop is left or the signal aborts. Throws definite refusals; `unauthorized` where another user signs in.
   */
  subscribe<T = Record<string, any>>(
    names: string | readonly string[], options?: SubscribeOptions,
  ): AsyncGenerator<SocketEvent<T>, void>;
  /** The same with a function that gets each event; `ended` gets the error, or nothing. The returned function ends it. */
  follow<T = Record<string, any>>(
    names: string | readonly string[], options: SubscribeOptions, listener: Listener<SocketEvent<T>>,
    ended?: (error?: unknown) => void,
  ): () => void;
  /** The records of a collection, for `useQuery`: they change with every write. */
  collection<T = AnyRecord>(name: string, options?: { parent?: string | undefined }): {
    /** A page of the records that match. */
    list(query?: ListQuery<T>): Promise<Page<T>>;
    /** The records that match, now and after each change. */
    states(query?: ListQuery<T>): LiveState<T>;
  };
  /**
   * Join a channel until it is left, also after cuts; its members' messages have data `D`, and show a state `S`. A channel
   * that is joined already is the same one.
   */
  join<D = any, S = any>(name: string, options?: ChannelOptions<S>): JoinedChannel<D, S>;
  /** Close it; what runs ends with the error `closed`. */
  close(): void;
}

/** The WebSocket of a client, in the name of its user. Throws `invalid_setting`. */
export function socket(client: Client, options: SocketOptions = {}): Socket {
  const { auth, connectivity, internals: { tokens, calls: http, clock, random, closing } } = client;
  const states = listeners<LinkState>();
  const address = socketAddress(client.url + PATH);
  let { msgpack } = options;
  if (msgpack) address.search = PACKED;
  let isReady = false;
  let isClosed = closing.aborted;
  let ping = PING;
  let round = 0; // of connections: what belongs to an older one is given up
  let user: unknown; // in whose name everything runs; undefined: it is not known yet
  let sent: Token | undefined; // the token that the connection has
  let answered: ((message: ServerMessage) => void) | undefined;
  let stopRenewal = () => {};

  function post(message: object) {
    const text = JSON.stringify(message);
    let data: string | Uint8Array = text;
    try {
      if (msgpack) data = msgpack.encode(JSON.parse(text)); // of the same values: dates are texts, and undefined is nothing
    } catch {
      // What is too deep for it goes as JSON: the server reads either.
    }
    link.send(data);
  }

  function read(data: string | Uint8Array): ServerMessage {
    if (typeof data === "string" || !msgpack) return objectIn(String(data)) as unknown as ServerMessage;
    try {
      return msgpack.decode(data) as ServerMessage;
    } catch {
      msgpack = undefined; // such as for a member `__proto__`: what is missed comes on the next connection
      address.search = "";
      link.drop();
      return { type: "" };
    }
  }
  const ready = () => isReady;
  const calls = socketCalls(clock, post, ready);
  const followed = subscriptions(clock, random, post, ready, () => "The connection was cut.");
  const channels = socketChannels(clock, random, post, ready);
  const userNow = () => auth.user?.id ?? "";

  function endAll(error: () => HinterlandError) {
    calls.end(error);
    followed.end(error);
    channels.end(error);
  }

  /** Tell the server who the user is. Throws what may pass, and what may not. */
  async function introduce(): Promise<void> {
    let token = await tokens.current();
    for (let tries = 0; token && token.value !== sent?.value; tries++) {
      const { value } = token;
      const { error } = await new Promise<ServerMessage>((resolve) => {
        answered = resolve;
        post({ type: "auth", token: value });
      });
      if (!error) sent = token;
      else if (error.status === 401 && tries < 2) token = await tokens.renewed(token);
      else throw errorOf(error);
    }
  }

  /** Begin everything, as soon as the server knows the user. */
  async function welcome() {
    const mine = round;
    try {
      await introduce();
    } catch (error) {
      if (mine !== round) return;
      if (!(error instanceof HinterlandError && mayPass(error))) return fail(error as HinterlandError);
      return link.drop();
    }
    if (mine !== round || !connected()) return;
    isReady = true;
    stopRenewal();
    if (sent) stopRenewal = clock.after(RENEWAL, () => void welcome());
    followed.begin();
    channels.begin();
    calls.pump();
  }

  const connected = () => link.state === "connected";

  function fail(error: HinterlandError) {
    link.close(1000);
    cut();
    endAll(() => new (error.constructor as typeof HinterlandError)("error", { ...error }));
  }

  function cut() {
    round++;
    isReady = false;
    sent = answered = undefined;
    stopRenewal();
    calls.cut();
    followed.cut();
    channels.cut();
  }

  /** A browser does not say why a handshake was refused: the same request without an upgrade does. */
  async function probe() {
    try {
      await http.request("GET", PATH, PROBE, { hasAuth: false });
    } catch (error) {
      const { code } = error as HinterlandError;
      if (!isClosed && code !== "upgrade_required" && !mayPass(error as HinterlandError)) fail(error as HinterlandError);
    }
  }

  const link: Link = makeLink({
    url: address, WebSocket: options.WebSocket, clock, random,
    silence: () => ping,
    ping: () => post({ type: "ping" }),
    moved: states.notify,
    opened() {},
    received(data) {
      const message = read(data);
      if (message.type === "hello") {
        ping = message.ping_seconds ?? PING;
        void welcome();
      } else if (message.type === "authenticated" || (message.type === "error" && !message.id)) {
        answered?.(message);
      } else if (!calls.take(message) && !channels.take(message)) followed.take(message);
    },
    lost(_code, _reason, wasOpen) {
      cut();
      if (!wasOpen) void probe();
      return false;
    },
  });

  // After signing in or out, what was begun in the former user's name ends.
  const unfollow = auth.subscribe(({ kind }) => {
    if (kind !== "signedIn" && kind !== "signedOut") return;
    const before = user;
    user = userNow();
    if (before === undefined || before === user) return;
    endAll(anotherUser);
    // The server forgets a user only with the connection.
    if (before) link.drop();
    else if (isReady) void welcome();
  });
  const unwatch = connectivity.subscribe((state) => {
    if (state === "online") link.nudge();
  });

  function open() {
    if (isClosed) throw failure("closed");
    if (auth.state.kind !== "loading") user = userNow();
    link.open();
  }

  function follow(names: string | readonly string[], given: SubscribeOptions, by: Followed): Subscription {
    open();
    return followed.follow(names, given, by);
  }

  async function call<T>(operation: string, parts?: SocketCall): Promise<SocketResult<T>> {
    open();
    return calls.call<T>(operation, parts);
  }

  const own: Socket = {
    connection: {
      get state() {
        return link.state;
      },
      subscribe: states.add,
    },
    call,
    subscribe<T>(names: string | readonly string[], given: SubscribeOptions = {}) {
      const { maxQueued = MOST_WAITING } = given;
      const box: Mailbox<SocketEvent> = mailbox(maxQueued, () => subscription?.resume(), () => subscription?.end());
      const subscription: Subscription = follow(names, given, { deliver: box.put, over: box.end });
      return box.values as AsyncGenerator<SocketEvent<T>, void>;
    },
    follow(names, given, listener, ended = () => {}) {
      const each = listeners<SocketEvent>();
      each.add(listener as Listener<SocketEvent>);
      return follow(names, given, { deliver: (event) => (each.notify(event), true), over: ended }).end;
    },
    collection<T>(name: string, { parent }: { parent?: string | undefined } = {}) {
      const path = parent ? `${parent}/${name}` : name;
      const list = async (query?: ListQuery<T>) => {
        const { body } = await call<Page<T>>("records.list", {
          path: { collection: path }, query: Object.fromEntries(parameters(query)),
        });
        return { items: body.items, next: body.next || null, total: body.total ?? null };
      };
      return {
        list,
        states: (query?: ListQuery<T>) => liveStates(() => list(query), (listener, ended) =>
          own.follow(path, { snapshot: false }, listener, ended)),
      };
    },
    join(name, given) {
      open();
      return channels.join(name, given);
    },
    close() {
      if (isClosed) return;
      isClosed = true;
      unfollow();
      unwatch();
      link.close(1000);
      cut();
      endAll(() => failure("closed"));
    },
  };
  closing.addEventListener("abort", own.close);
  return own;
}
