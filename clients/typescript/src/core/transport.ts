import { failure, type HinterlandError } from "../contract/errors.js";
import { aborting } from "../kit/aborting.js";
import type { Clock } from "../kit/clock.js";
import { type ClientRequest, type ClientResponse, type Send, originOf } from "./exchange.js";

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

const isSafe = (method: string) => method === "GET" || method === "HEAD";

/** The bottom of the stack: sends a request once, by `fetch`. */
export const transport = (fetch: Fetch, clock: Clock): Send => async (request) => {
  const { method, url, headers, body, signal, isStream } = request;
  if (signal?.aborted) throw signal.reason;
  const [controller, unlink] = aborting(signal);
  let stop = () => {};
  let hasResponse = false;
  const wait = () => {
    stop();
    stop = clock.after(request.read * 1000, () => controller.abort(failure("read_timeout")));
  };
  const end = () => {
    stop();
    unlink();
  };
  const failed = (error: unknown): unknown => {
    end();
    return controller.signal.aborted ? controller.signal.reason : networkError(error, hasResponse);
  };
  wait();
  try {
    const response = await fetch(url, {
      // A redirect is followed where nothing is written, and to the same origin; a browser does not show its target.
      method, headers, body, signal: controller.signal, redirect: isSafe(method) ? "follow" : "manual",
      cache: "no-store",
    });
    hasResponse = true;
    if (isRedirected(request, response)) throw failure("redirect_refused");
    const pieces = piecesOf(response, wait, failed);
    if (isStream && response.ok) return made(response, new Uint8Array(), closing(pieces, end, controller));
    const content = await joined(pieces);
    end();
    return made(response, content, null);
  } catch (error) {
    const reason = failed(error);
    controller.abort();
    throw reason;
  }
};

const isRedirected = (request: ClientRequest, { type, status, redirected, url }: Response): boolean =>
  type === "opaqueredirect" || (status > 300 && status < 309 && status !== 304)
  || (redirected && originOf(url) !== originOf(request.url));

async function* piecesOf(
  response: Response, wait: () => void, failed: (error: unknown) => unknown,
): AsyncGenerator<Uint8Array, void> {
  if (!response.body?.getReader) return yield new Uint8Array(await response.arrayBuffer()); // as in React Native
  const reader = response.body.getReader();
  try {
    for (;;) {
      wait();
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (error) {
    throw failed(error);
  }
}

async function* closing(
  pieces: AsyncGenerator<Uint8Array, void>, end: () => void, controller: AbortController,
): AsyncGenerator<Uint8Array, void> {
  try {
    yield* pieces;
  } finally {
    end();
    controller.abort();
  }
}

async function joined(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const piece of pieces) parts.push(piece);
  return parts.length === 1 ? parts[0]! : new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
}

function made(
  { status, headers }: Response, content: Uint8Array, body: ClientResponse["body"],
): ClientResponse {
  let decoded: string | undefined;
  const text = () => decoded ??= new TextDecoder().decode(content);
  return { status, headers, content, body, text, json: () => parsed(text(), headers), isInDoubt: false };
}

/** The value of a JSON text. Throws InvalidResponse where it is none. */
export function parsed(text: string, headers?: Headers): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const start = text.trimStart()[0];
    throw failure("invalid_response", {
      path: "$",
      found: !start ? "an empty body" : start === "<" ? "HTML or XML" : "text that is not JSON",
      requestId: headers?.get("x-request-id") ?? "",
    });
  }
}

/** What fetch reports, as one of our errors. A browser does not say whether the server was reached. */
function networkError(error: unknown, hasResponse: boolean): HinterlandError {
  if ((error as HinterlandError).sent) return error as HinterlandError;
  const cause = (error as { cause?: { code?: unknown } }).cause;
  const code = String(cause?.code ?? "");
  const kind = /REFUSED|UNREACH|CONNECT_TIMEOUT/.test(code) ? "connect"
    : /ENOTFOUND|EAI_AGAIN/.test(code) ? "name_not_found"
    : /CERT|TLS|SSL/.test(code) ? "tls"
    : hasResponse || cause ? "connection_lost" : "network";
  return failure(kind, { detail: code || String(error), cause: error });
}
