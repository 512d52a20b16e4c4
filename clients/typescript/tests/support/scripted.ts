import type { ClientSettings } from "../../src/core/client.js";
import { createClient } from "../../src/core/client.js";
import type { Fetch } from "../../src/core/transport.js";
import { memoryVault } from "../../src/core/vault.js";
import { statusOf } from "../../src/contract/errors.js";
import { ManualClock, settled } from "./manual_clock.js";

export interface Asked {
  method: string;
  path: string;
  headers: Record<string, string>;
  json: any;
}

type Answer = (asked: Asked, signal: AbortSignal) => Response | Promise<Response>;

export const json = (body: unknown, status = 200, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", ...headers } });

export const empty = (status = 204): Response => new Response(null, { status });

/** A refusal as our server sends it. */
export const refusal = (code: string, more: object = {}, headers: Record<string, string> = {}): Response => {
  const status = statusOf(code);
  return json({ title: "T", status, code, message: `${code}; it is so`, ...more }, status, headers);
};

/** The page of a login portal. */
export const portal = (status = 200): Response =>
  new Response("<html><body>Log in to the network", { status, headers: { "content-type": "text/html" } });

export const refusedConnection = (code = "ECONNREFUSED"): Promise<Response> =>
  Promise.reject(Object.assign(new TypeError("fetch failed"), { cause: { code } }));

/** As undici and browsers do: pending until the signal aborts. */
export const silent: Answer = (_, signal) => new Promise((_resolve, reject) => {
  if (signal.aborted) reject(signal.reason as Error);
  signal.addEventListener("abort", () => reject(signal.reason as Error));
});

/** Answers each request by the first rule that fits; `asked` are all requests. */
export function scripted(): { fetch: Fetch; asked: Asked[]; on: (rule: string, ...answers: Answer[]) => void } {
  const asked: Asked[] = [];
  const rules: { rule: string; answers: Answer[] }[] = [];
  return {
    asked,
    /** `rule`: "GET /path"; the last answer is repeated. */
    on: (rule, ...answers) => void rules.unshift({ rule, answers }),
    async fetch(url, init) {
      const { pathname, search } = new URL(url);
      const request: Asked = {
        method: init.method!, path: pathname + search, headers: init.headers as Record<string, string>,
        json: typeof init.body === "string" ? JSON.parse(init.body) : undefined,
      };
      asked.push(request);
      const found = rules.find(({ rule }) => rule === `${request.method} ${pathname}`);
      if (!found) throw new Error(`unexpected ${request.method} ${request.path}`);
      const answer = found.answers.length > 1 ? found.answers.shift()! : found.answers[0]!;
      return answer(request, init.signal!);
    },
  };
}

export const session = (number: number, user = "ada", seconds = 900) => ({
  token: `access-${number}`, access_token: `access-${number}`, refresh_token: `refresh-${number}`, token_type: "Bearer",
  expires_in: seconds, user: { id: user, name: user },
});

/** A client over a scripted fetch and a clock that is turned by hand. */
export function scriptedClient(settings: ClientSettings = {}) {
  const script = scripted();
  const clock = new ManualClock();
  const client = createClient({
    url: "http://127.0.0.1:1", fetch: script.fetch, clock, random: () => 1, vault: memoryVault(), ...settings,
  });
  const logIn = async (number = 1, user = "ada") => {
    script.on("POST /v1/auth/login", () => json(session(number, user)));
    await client.auth.logIn({ email: `${user}@example.org`, password: "7 lean oysters" });
    script.asked.length = 0;
  };
  return { ...script, clock, client, logIn };
}

/** The outcome of `promise` as time passes: its value or its error. */
export async function played<T>(clock: ManualClock, promise: Promise<T>, milliseconds = 120_000): Promise<T | any> {
  let outcome: { value: unknown } | undefined;
  promise.then((value) => (outcome = { value }), (error: unknown) => (outcome = { value: error }));
  const end = clock.time + milliseconds;
  await settled();
  while (!outcome && clock.time < end) await clock.advance(Math.max(1, clock.waits[0] ?? 1));
  return outcome!.value;
}
