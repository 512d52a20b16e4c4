/** The pair of tokens, in memory and in sessionStorage, so that a reload of this tab stays signed in. */

export interface Tokens {
  readonly access: string;
  readonly refresh: string;
}

type DropListener = (reason: string | null) => void;

const KEY = "hinterland-shop.tokens";

let current: Tokens | null = readStored();
let listener: DropListener = () => {};

function isTokens(value: unknown): value is Tokens {
  const pair = value as Partial<Tokens> | null;
  return typeof pair?.access === "string" && typeof pair.refresh === "string";
}

function readStored(): Tokens | null {
  try {
    const stored: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
    return isTokens(stored) ? stored : null;
  } catch {
    return null; // Storage is closed to this page, or holds something else: start signed out.
  }
}

function store(text: string | null): void {
  try {
    if (text === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, text);
  } catch {
    // Memory alone still serves this page until it is reloaded.
  }
}

export function getTokens(): Tokens | null {
  return current;
}

export function putTokens(tokens: Tokens): void {
  current = tokens;
  store(JSON.stringify(tokens));
}

/** Forgets the pair. The reason is a text for the person, or null when they asked for it. */
export function dropTokens(reason: string | null): void {
  current = null;
  store(null);
  listener(reason);
}

export function onTokensDropped(heard: DropListener): void {
  listener = heard;
}
