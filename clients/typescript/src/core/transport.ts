import { failure, type HinterlandError, unexpected } from "../contract/errors.js";
import { aborting } from "../kit/aborting.js";
import type { Clock } from "../kit/clock.js";
import type { ClientResponse, Send } from "./exchange.js";

/** A function like `fetch`. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** The bottom of the stack: sends a request once, by `fetch`. Redirects are refused: a browser does not show where to. */
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
    const reason = controller.signal.aborted ? controller.signal.reason : networkError(error);
    controller.abort();
    return reason;
  };
  async function* pieces(reader: ReadableStreamDefaultReader<Uint8Array>): AsyncGenerator<Uint8Array, void> {
    try {
      for (;;) {
        wait();
        const { done, value } = await reader.read();
        stop(); // the reader may take its time
        if (done) return;
        yield value;
      }
    } catch (error) {
      throw failed(error);
    } finally {
      end();
      controller.abort();
      request.release?.();
    }
  }
  wait();
  try {
    const response = await fetch(url, {
      method, headers, body: body ?? null, signal: controller.signal, redirect: "manual",
      duplex: "half", // a stream needs it
    } as RequestInit);
    if (response.type === "opaqueredirect" || /30[12378]/.test(`${response.status}`)) throw failure("redirect_refused");
    stop();
    if (isStream && response.ok && response.body) return made(response, "", pieces(response.body.getReader()));
    wait();
    const text = await response.text();
    end();
    return made(response, text, null);
  } catch (error) {
    throw failed(error);
  }
};

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
