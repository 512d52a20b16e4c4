import { failure, HinterlandError, WrongServer } from "../contract/errors.js";
import type { Clock } from "../kit/clock.js";
import { isObject, objectIn } from "../kit/json.js";
import { listeners, type Listener } from "../kit/listeners.js";
import { singleFlight } from "../kit/single_flight.js";
import type { Vault } from "./vault.js";

/** The user's own record. */
export type User = { id: string | number } & Record<string, any>;

/**
 * Why nobody is signed in: nobody was yet, the user signed out, the server ended the session, another tab signed out,
 * the stored session can't be read.
 */
export type Reason = "never" | "log_out" | "refused" | "elsewhere" | "unreadable";

/**
 * Who is signed in: the `user`, or nobody, for a `reason`. "loading": a vault that responds by a promise has not responded
 * yet; "signingIn": the server was asked.
 */
export type SessionState =
  | { readonly kind: "loading" }
  | { readonly kind: "signedOut"; readonly reason: Reason }
  | { readonly kind: "signingIn" }
  | { readonly kind: "signedIn"; readonly user: User };

/** The tokens of a session; `expiresAt` is in milliseconds since 1970. */
export interface Session {
  user: User;
  accessToken: string;
  refreshToken: string;
  expiresAt: number;
}

/** An access token of a user; `isFresh`: the server gave it on this very call. */
export interface Token {
  value: string;
  user: string | number;
  isFresh?: boolean;
}

/** Keeps the session in the vault, renews it once for all who need it, and ends it only by a definitive refusal. */
export interface TokenKeeper {
  state(): SessionState;
  user(): User | null;
  subscribe(listener: Listener<SessionState>): () => void;
  move(state: SessionState): void;
  /** The token to use, renewed if it is about to end; undefined: signed out. */
  current(): Promise<Token | undefined>;
  /** Another token of the same user after the server refused `used`; undefined: there is none. */
  renewed(used: Token): Promise<Token | undefined>;
  /** The server refused a token that it had just given: the session is over. */
  refused(token: Token): Promise<void>;
  signIn(session: Session): Promise<User>;
  signOut(reason: Reason): Promise<void>;
  /** The signed-in user's record, as the server has it now. */
  know(user: User): void;
  close(): void;
}

const MOST_MARGIN = 60_000; // before its end at which a token is renewed; a fifth of its life where that is less
const PAUSE = 5_000; // before a token that still holds is renewed again after that failed

/** The session that a sign-in or renewal responds with. Throws InvalidResponse. */
export function sessionIn(value: object, now: number): Session {
  const { user, access_token: accessToken, refresh_token: refreshToken, expires_in: seconds } = value as any;
  if (!isObject(user) || !accessToken || !refreshToken || !(seconds >= 0)) {
    throw failure("invalid_response", { path: "$", found: "no session" });
  }
  return { user: user as User, accessToken, refreshToken, expiresAt: now + seconds * 1000 };
}

const tokenOf = ({ accessToken, user }: Session, isFresh = false): Token =>
  ({ value: accessToken, user: user.id, isFresh });

export function tokenKeeper(
  vault: Vault, clock: Clock, origin: string, refresh: (refreshToken: string) => Promise<Session>,
): TokenKeeper {
  let state: SessionState = { kind: "loading" };
  let session: Session | undefined;
  let renewAt = 0;
  let isKept = true;
  const subscribers = listeners<SessionState>();
  const flight = singleFlight<boolean>();

  function move(next: SessionState) {
    if (JSON.stringify(next) !== JSON.stringify(state)) subscribers.notify(state = next);
  }

  function enter(next: Session) {
    // From here on the monotonic clock counts: a jump of the wall clock neither renews nor outlives a token.
    const left = next.expiresAt - clock.now();
    renewAt = clock.monotonic() + left - Math.min(MOST_MARGIN, left / 5);
    session = next;
    move({ kind: "signedIn", user: next.user });
  }

  function leave(reason: Reason) {
    session = undefined;
    move({ kind: "signedOut", reason });
  }

  /** What a vault has stored: a session, or how it ended; undefined where it is another server's. */
  function unsealed(data: string | null): Session | Reason | undefined {
    if (data === null) return undefined;
    const kept = objectIn(data);
    if (typeof kept["origin"] !== "string") throw new Error(data);
    if (kept["origin"] !== origin) return undefined;
    return isObject(kept["session"]) ? kept["session"] as unknown as Session : "refused";
  }

  function arrived(data: string | null, reason: Reason) {
    const kept = unsealed(data);
    if (typeof kept === "object") enter(kept);
    else if (session || state.kind === "loading") leave(kept ?? reason);
  }
  const unreadable = () => leave("unreadable");

  let ready: Promise<void> | undefined;
  try {
    const data = vault.load();
    if (data instanceof Promise) ready = data.then((text) => arrived(text, "never")).catch(unreadable);
    else arrived(data, "never");
  } catch {
    unreadable();
  }
  const unwatch = vault.watch?.(async () => {
    try {
      arrived(await vault.load(), "elsewhere");
    } catch {
      // What can't be read now says nothing of the session.
    }
  });

  /** Store what is left of a session: `next`, null that the server ended it, or nothing; `only` in the place of a token's. */
  async function store(next?: Session | null, only?: string): Promise<void> {
    try {
      if (only && !(await vault.load())?.includes(only)) return;
      await (next === undefined ? vault.clear() : vault.save(JSON.stringify({ origin, session: next })));
      isKept = true;
    } catch (error) {
      isKept = false; // it lasts as long as this page
      console.warn("hinterland: the session can't be stored", error);
    }
  }

  const isCurrent = ({ accessToken }: Session) => session?.accessToken === accessToken;

  /** Get another token; whether the server gave it, and not another tab. */
  async function renew(used: Session): Promise<boolean> {
    let kept: Session | Reason | undefined = used;
    try {
      if (isKept) kept = unsealed(await vault.load());
    } catch {
      // It can't be read, and is written anew.
    }
    if (typeof kept !== "object") {
      if (isCurrent(used)) leave(kept ?? "elsewhere");
      return false;
    }
    if (kept.accessToken !== used.accessToken) {
      enter(kept);
      return false;
    }
    try {
      const next = await refresh(kept.refreshToken);
      await store(next);
      enter(next);
      return true;
    } catch (error) {
      // Only our server's own refusal of this token ends the session; that of another server keeps it.
      const { code, isFromServer } = error as HinterlandError;
      if (code !== "invalid_grant" || !isFromServer || error instanceof WrongServer) throw error;
      if (isCurrent(used)) {
        await store(null);
        leave("refused");
      }
      return false;
    }
  }

  const renewal = (used: Session): Promise<boolean> =>
    flight(used.accessToken, () => vault.lock(() => renew(used))).catch((error: unknown) => {
      // Each caller has its own error; of none of their calls anything was carried out.
      if (!(error instanceof HinterlandError)) throw error;
      throw new (error.constructor as typeof HinterlandError)("error", { ...error, sent: "no" });
    });

  return {
    state: () => state,
    user: () => session?.user ?? null,
    subscribe: subscribers.add,
    move,
    async current() {
      await ready;
      const used = session;
      if (!used || clock.monotonic() < renewAt) return used && tokenOf(used);
      try {
        await renewal(used);
      } catch (error) {
        if (clock.now() >= used.expiresAt) throw error;
        renewAt = clock.monotonic() + PAUSE;
      }
      return session && tokenOf(session);
    },
    async renewed(used) {
      const isFresh = session?.accessToken === used.value && await renewal(session);
      // A request is never sent again in the name of another user, who may have signed in meanwhile.
      return session?.user.id === used.user && session.accessToken !== used.value
        ? tokenOf(session, isFresh) : undefined;
    },
    async refused(token) {
      if (session?.accessToken !== token.value) return;
      leave("refused");
      await vault.lock(() => store(null, token.value)); // another tab may have signed in meanwhile
    },
    signIn: (next) => vault.lock(async () => {
      await store(next);
      enter(next);
      return next.user;
    }),
    async signOut(reason) {
      await vault.lock(() => store());
      leave(reason);
    },
    know(user) {
      if (session && session.user.id === user.id) {
        session = { ...session, user };
        move({ kind: "signedIn", user });
      }
    },
    close: () => unwatch?.(),
  };
}
