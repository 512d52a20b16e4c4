import { failure, type HinterlandError, unexpected } from "../contract/errors.js";
import { aborting } from "../kit/aborting.js";
import type { Clock } from "../kit/clock.js";
import { type ClientRequest, type ClientResponse, type Send, originOf } from "./exchange.js";

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** The bottom of the stack: sends a request once, by `fetch`. */
export const transport = (fetch: Fetch, clock: Clock): Send => async (request) => {
  const { method, url, headers, body, signal, isStream } = request;
  const [controller, unlink] = aborting(signal);
  let stop = () => {};
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
    return controller.signal.aborted ? controller.signal.reason : networkError(error);
  };
  wait();
  try {
    const response = await fetch(url, {
      // A redirect is followed where nothing is written, and to the same origin; a browser does not show its target.
      method, headers, body: body ?? null, signal: controller.signal, redirect: /GET|HEAD/.test(method) ? "follow" : "manual",
    });
    if (isRedirected(request, response)) throw failure("redirect_refused");
    wait();
    if (isStream && response.ok) {
      return made(response, "", piecesOf(response, wait, failed, () => {
        end();
        controller.abort();
      }));
    }
    const text = await response.text();
    end();
    return made(response, text, null);
  } catch (error) {
    const reason = failed(error);
    controller.abort();
    throw reason;
  }
};

const isRedirected = (request: ClientRequest, { type, status, redirected, url }: Response): boolean =>
  type === "opaqueredirect" || /30[12378]/.test(String(status)) || (redirected && originOf(url) !== originOf(request.url));

async function* piecesOf(
  response: Response, wait: () => void, failed: (error: unknown) => unknown, end: () => void,
): AsyncGenerator<Uint8Array, void> {
  try {
    const reader = response.body?.getReader();
    while (reader) {
      wait();
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (error) {
    throw failed(error);
  } finally {
    end();
  }
}

function made({ status, headers }: Response, text: string, body: ClientResponse["body"]): ClientResponse {
  const response: ClientResponse = {
    status, headers, text, body, isInDoubt: false,
    json() {
      try {
        return JSON.parse(text);
      } catch {
        const start = text.trim()[0];
        throw unexpected(response, !start ? "an empty body" : start === "<" ? "HTML or XML" : "text that is not JSON");
      }
    },
  };
  return response;
}

/** What fetch reports, as one of our errors. A browser does not say whether the server was reached. */
function networkError(error: unknown): HinterlandError {
  if ((error as HinterlandError).sent) return error as HinterlandError;
  const cause = (error as { cause?: { code?: unknown } }).cause;
  const code = String(cause?.code ?? "");
  const kind = /REFUSED|UNREACH|CONNECT_TIMEOUT|NOTFOUND|AGAIN/.test(code) ? "connect"
    : /CERT|TLS|SSL/.test(code) ? "tls"
    : cause ? "connection_lost" : "network";
  return failure(kind, { detail: code || String(error), cause: error });
}
