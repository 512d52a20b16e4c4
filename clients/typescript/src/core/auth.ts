import { failure } from "../contract/errors.js";
import type { Clock } from "../kit/clock.js";
import type { Listener } from "../kit/listeners.js";
import type { Calls } from "./calls.js";
import { sessionIn, type SessionState, type TokenKeeper, type User } from "./tokens.js";

/** One of the user's sessions. */
export interface SessionInfo {
  /** For `endSession`. */
  id: string;
  /** The User-Agent that it was begun or renewed with. */
  label: string;
  /** The network address that it was begun or renewed from. */
  address: string;
  /** When it was begun, in RFC 3339. */
  created_at: string;
  /** When it was renewed last, in RFC 3339. */
  last_used_at: string;
  /** When it ends unless it is renewed, in RFC 3339. */
  expires_at: string;
  /** Whether it is the session of this client. */
  is_current: boolean;
  [name: string]: unknown;
}

/** The accounts of a client, and the state of its session. */
export interface Auth {
  /** Who is signed in. */
  readonly state: SessionState;
  /** The user's record as last received; null: signed out. */
  readonly user: User | null;
  /** Call `listener` with each new state; the returned function ends that. */
  subscribe(listener: Listener<SessionState>): () => void;
  /** Create a user, with further fields that the app declares, and sign in. */
  signUp(form: { email: string; password: string; name: string } & Record<string, unknown>): Promise<User>;
  /** Throws `invalid_credentials`, and ChallengeRequired where the account has a second factor. */
  logIn(form: { email: string; password: string }): Promise<User>;
  /** Sign in with the `challenge` of a ChallengeRequired and a code of the authenticator app, or a recovery code. */
  answer(form: { challenge: string; code: string }): Promise<User>;
  /** End the session: always on this device, and on the server if it can be reached. */
  logOut(): Promise<void>;
  /** Set a new password; `password` is the current one. */
  changePassword(form: { password: string; newPassword: string }): Promise<void>;
  /** Set a new e-mail address; `password` is the current one. */
  changeEmail(form: { email: string; password: string }): Promise<User>;
  /** Delete the account with its record, and sign out. */
  deleteAccount(form: { password: string }): Promise<void>;
  /** The user's record, as the server has it now. */
  me(): Promise<User>;
  /** The user's sessions on all devices. */
  sessions(): Promise<SessionInfo[]>;
  /** End one of them by its id. */
  endSession(id: string): Promise<void>;
  /** Renew the session now; the client also does so by itself. Throws Unauthorized where it has ended. */
  refresh(): Promise<User>;
}

/** Signing in and out return when all `followers` have caught up, which is when local records are the new user's. */
export function makeAuth(
  calls: Calls, tokens: TokenKeeper, clock: Clock, followers: ReadonlySet<() => Promise<void>>,
): Auth {
  const followed = async () => {
    for (const caughtUp of followers) await caughtUp();
  };

  const entering = (operation: string) => async (json: unknown): Promise<User> => {
    const before = tokens.state();
    tokens.move({ kind: "signingIn" });
    try {
      const user = await tokens.signIn(sessionIn(await calls.call(operation, { json }), clock.now()));
      await followed();
      return user;
    } finally {
      if (tokens.state().kind === "signingIn") tokens.move(before);
    }
  };
  const left = async () => {
    await tokens.signOut("log_out");
    await followed();
  };
  const known = (operation: string) => async (json?: unknown): Promise<User> => {
    const user = await calls.call(operation, { json }) as User;
    tokens.know(user);
    return user;
  };

  return {
    get state() {
      return tokens.state();
    },
    get user() {
      return tokens.user();
    },
    subscribe: tokens.subscribe,
    signUp: entering("auth.signup"),
    logIn: entering("auth.login"),
    answer: entering("auth.challenge"),
    async logOut() {
      // Where the server can't be reached, the session ends there by its age.
      if (tokens.user()) await calls.order("auth.logout").catch(() => {});
      await left();
    },
    changePassword: ({ password, newPassword }) =>
      calls.order("auth.password", { json: { password, new_password: newPassword } }),
    changeEmail: known("auth.email"),
    async deleteAccount(json) {
      await calls.order("auth.delete", { json });
      await left();
    },
    me: () => known("auth.me")(),
    sessions: async () => (await calls.call("auth.sessions"))["items"],
    endSession: (id) => calls.order("auth.sessions.end", { at: encodeURIComponent(id) }),
    async refresh() {
      const token = await tokens.current();
      const renewed = token && await tokens.renewed(token);
      const user = tokens.user();
      if (!renewed || !user) throw failure("unauthorized", { sent: "no" });
      return user;
    },
  };
}
