/** One request: address, JSON both ways, the bearer token, and one renewal of it when the server answers 401. */

import { apiUrl } from "../config.ts";
import { ApiError, InvalidAnswer, problemToError, SessionEnded, TimedOut, Unreachable } from "./errors.ts";
import { dropTokens, getTokens, putTokens } from "./tokens.ts";

const TIMEOUT_SECONDS = 15;
const SESSION_ENDED = "Your session has ended. Please log in again.";

export interface Call {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly body?: unknown;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly signal?: AbortSignal;
  /** Sent without a token, and a 401 is just an answer: sign up, log in. */
  readonly open?: boolean;
}

/** What sign up, log in and refresh answer beside the user. */
export interface TokenAnswer {
  readonly access_token: string;
  readonly refresh_token: string;
}

function addressOf(path: string, query: Call["query"] = {}): string {
  const url = new URL(apiUrl + path);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== "") url.searchParams.set(name, String(value));
  }
  return url.href;
}

function headersOf(call: Call, token: string | undefined): Headers {
  const headers = new Headers({ Accept: "application/json" });
  if (call.body !== undefined) headers.set("Content-Type", "application/json");
  if (token !== undefined) headers.set("Authorization", `Bearer ${token}`);
  return headers;
}

function translate(error: unknown, caller: AbortSignal | undefined): unknown {
  if (caller?.aborted) return error;
  if (error instanceof DOMException && error.name === "TimeoutError") return new TimedOut(apiUrl, TIMEOUT_SECONDS);
  if (error instanceof TypeError) return new Unreachable(apiUrl, location.origin);
  return error;
}

function parse(text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new InvalidAnswer(apiUrl);
  }
}

interface Raw {
  readonly status: number;
  readonly body: unknown;
}

async function send(path: string, call: Call, token?: string): Promise<Raw> {
  const timeout = AbortSignal.timeout(TIMEOUT_SECONDS * 1000);
  try {
    const response = await fetch(addressOf(path, call.query), {
      method: call.method ?? "GET",
      headers: headersOf(call, token),
      body: call.body === undefined ? null : JSON.stringify(call.body),
      signal: call.signal ? AbortSignal.any([call.signal, timeout]) : timeout,
    });
    return { status: response.status, body: parse(await response.text()) };
  } catch (error) {
    throw translate(error, call.signal);
  }
}

function accept<T>(raw: Raw): T {
  if (raw.status >= 400) throw problemToError(raw.status, raw.body);
  return raw.body as T;
}

async function exchangeRefreshToken(refresh: string): Promise<void> {
  try {
    const raw = await send("/auth/refresh", { method: "POST", body: { refresh_token: refresh } });
    keepTokens(accept<TokenAnswer>(raw));
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== "invalid_grant") throw error;
    dropTokens(SESSION_ENDED);
    throw new SessionEnded(SESSION_ENDED);
  }
}

let renewal: Promise<void> | null = null;

/** Any number of calls that got a 401 at once share one refresh; one that was answered late finds it already done. */
async function renew(refused: string): Promise<void> {
  const tokens = getTokens();
  if (tokens === null) throw new SessionEnded(SESSION_ENDED);
  if (tokens.access !== refused) return;
  renewal ??= exchangeRefreshToken(tokens.refresh).finally(() => {
    renewal = null;
  });
  await renewal;
}

export function keepTokens(answer: TokenAnswer): void {
  putTokens({ access: answer.access_token, refresh: answer.refresh_token });
}

/** Throws ApiError, Unreachable, TimedOut, InvalidAnswer or SessionEnded; an abort by `call.signal` passes through. */
export async function request<T>(path: string, call: Call = {}): Promise<T> {
  const token = call.open ? undefined : getTokens()?.access;
  const raw = await send(path, call, token);
  if (raw.status !== 401 || token === undefined) return accept<T>(raw);
  await renew(token);
  return accept<T>(await send(path, call, getTokens()?.access));
}