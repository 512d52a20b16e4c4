import { objectIn } from "../kit/json.js";

/** Whether the server may have received the request. */
export type Sent = "no" | "maybe" | "yes";

/** The most that is known of a request that was tried twice. */
export const mostSent = (first: Sent, second: Sent): Sent => (first === "yes" || second === "no" ? first : second);

// code|kind that it is a case of|HTTP status, then those that alone mean it|message|advice|sent: what is left out is that
// kind's. Our server answers with those that have a status.
const TABLE = `error|||Something went wrong.|Try again.|no
network|error||The server did not respond.|Check the network connection and try again.|maybe
connect|network||The server can't be reached.|Check the network connection and the server's address, then try again.|no
tls|connect||The connection to the server is not secure, so nothing was sent.|Check the server's certificate and this machine's clock.
connection_lost|network||The connection to the server was lost.
read_timeout|network||The server took too long to respond.|Try again, or raise the timeout in Options.
deadline|read_timeout|||Try again, or raise Options.deadline.
unsafe_request|error||The request was not sent because it would not be safe.|Check the server's address.
insecure_address|unsafe_request||The server's address is not encrypted, so nothing was sent.|Use https, or createClient({allowHttp: true}) in a network that you trust.
redirect_refused|unsafe_request||The server points to an address that is not safe to follow.||yes
invalid_response|error||The server's response was not understood.|Check that the address is this app's server, and that app and server are of the same version.|yes
invalid_setting|error||A setting of the client can't be used.|Correct the setting.
closed|error||The connection to the server was closed by this app.|Make a new Client.
status|error||The server refused the request.|Check the request.|yes
bad_request|status
invalid_request|bad_request|400
invalid_body|bad_request|400
invalid_query|bad_request|400
not_acceptable|bad_request|406
upgrade_required|bad_request|426
invalid_cursor|bad_request|400|The list can't be continued from here.|Start again without a cursor.
too_costly|bad_request|400|This search takes the server too long.|Make the filter simpler or narrower.
invalid_grant|bad_request|400|You were signed out.|Sign in again.
wrong_server|bad_request||This is another server than the one that you signed in to.|Connect to that one, or log out and log in here.
invalid_challenge|bad_request|400|The log-in took too long or had too many attempts.|Log in again.
validation|bad_request|400 422|Some fields are not valid.|Correct the fields.
password_policy|validation|422|The password can't be used.|Choose another one.
method_not_allowed|bad_request|405 405||Check that app and server are of the same version.
too_large|bad_request|413 413 431|This is too large to send.|Send less at once.
headers_too_large|too_large|431
unsupported_media_type|bad_request|415 415||Check that app and server are of the same version.
range_not_satisfiable|bad_request|416
misdirected|bad_request|421
key_reused|bad_request|422||Use a new idempotency key for each write.
unauthorized|status|401 401|You are not signed in.|Sign in.
invalid_credentials|unauthorized|401|The e-mail or the password is wrong.|Check both and try again.
challenge_required|unauthorized|401|A second factor is required.|Enter the code of your authenticator app, or a recovery code.
forbidden|status|403 403|You may not do this.|Ask its owner for permission.
not_found|status|404 404 410|This was not found.|It may have been deleted, or its address is wrong.
unknown_collection|not_found|404||Check the collection's name, and that app and server are of the same version.
request_timeout|status| 408|The server took too long.|Try again.|maybe
timeout|request_timeout|408
conflict|status|409 409|This clashes with something that already exists.|Change it or use what exists.
in_progress|conflict|409|This is still being done.|Wait a moment and try again.
fork|conflict|409||Use a new device id.
gap|conflict|409||Send the missing ones first.
unacknowledged|conflict|409||Acknowledge the results that were kept.
stale|status|412 412|This was changed meanwhile.|Load it again and repeat the change.
rate_limited|status|429 429|Too many requests.|Wait and try again.
internal|status|500|The server made a mistake.|Try again later.|maybe
not_implemented|internal|501
http_version|internal|505
unavailable|internal|503 502 503 504|The server can't do this now.
storage_full|internal|507 507|The server has no room left.|Ask the server's administrator to free storage.`;

type Row = [code: string, parent: string, statuses: string, message?: string, advice?: string, sent?: Sent];
const ROWS = new Map(TABLE.split("\n").map((line) => {
  const row = line.split("|") as Row;
  return [row[0], row];
}));

/** The HTTP status of a code that the server answers with. */
export const statusOf = (code: unknown): number => parseInt(ROWS.get(code as string)?.[2]!) || 0;

/** What is known of an error; all of it may be left out. */
export interface ErrorFacts {
  /** For programs; it never changes. */
  code?: string;
  /** For users: what happened. */
  message?: string;
  /** For users: what to do. */
  advice?: string;
  /** For developers. */
  detail?: string;
  /** Whether the server may have received the request. */
  sent?: Sent;
  /** How often it was tried. */
  attempts?: number;
  /** Seconds that the client waited between attempts. */
  waited?: number;
  /** The seconds that the server asked to wait. */
  retryAfter?: number | undefined;
  /** What to look for in the server's log. */
  requestId?: string;
  /** The operation that was called. */
  operation?: string;
  /** The HTTP status; 0: none came, or this device refused it before anything was sent. */
  status?: number;
  /** Messages by field. */
  errors?: Record<string, string[]>;
  /** Further facts of the error, which depend on its code. */
  details?: Record<string, unknown>;
  /** Whether the response has our server's own body; else a proxy or portal may have given it. */
  isFromServer?: boolean;
  /** Whether one of the call's attempts may have been carried out all the same. */
  isInDoubt?: boolean;
  /** Of an InvalidResponse: the place in the document. */
  path?: string;
  /** Of an InvalidResponse: what is at that place. */
  found?: string;
  /** The error that caused it. */
  cause?: unknown;
}

/** The root of all errors. */
export class HinterlandError extends Error implements ErrorFacts {
  declare code: string;
  declare advice: string;
  declare sent: Sent;
  declare retryAfter: number | undefined;
  /** "HinterlandError", or "StoreError" of the local store; `instanceof` and `code` tell more. */
  override name = "HinterlandError";
  detail = "";
  attempts = 1;
  waited = 0;
  requestId = "";
  operation = "";
  status = 0;
  errors: Record<string, string[]> = {};
  details: Record<string, unknown> = {};
  isFromServer = false;
  isInDoubt = false;

  /** `kind` is a row of the table that has its texts. */
  constructor(kind = "error", facts: ErrorFacts = {}) {
    super();
    Object.assign(this, facts);
    this.code ||= kind;
    for (let row = ROWS.get(kind); row; row = ROWS.get(row[1])) {
      this.message ||= row[3]!;
      this.advice ||= row[4]!;
      this.sent ||= row[5]!;
    }
  }

  /** Whether the server itself, or this device before anything was sent, refused it. */
  get isDecided(): boolean {
    return this instanceof StatusError && (this.isFromServer || !this.status);
  }
}

/** No response came; `sent` says whether the server may have acted. */
export class NetworkError extends HinterlandError {}
/** The response does not fit: it is not this app's server's. */
export class InvalidResponse extends HinterlandError {
  /** The place in the document. */
  declare path: string;
  /** What is at that place. */
  declare found: string | undefined;
}
/** The server responded with an error, or this device refused the request as the server would (`status` 0). */
export class StatusError extends HinterlandError {}
/** Fields are not valid: `errors` by field. */
export class ValidationFailed extends StatusError {}
/** Nobody is signed in, or the session is over. */
export class Unauthorized extends StatusError {}
/** The password was right; `auth.answer` the `challenge` with a code. */
export class ChallengeRequired extends Unauthorized {
  /** What `auth.answer` needs beside the code. */
  get challenge(): string {
    return String(this.details["challenge"]);
  }
}
/** The session is of another server than the one that answers at this address; it is kept. */
export class WrongServer extends StatusError {}
/** It does not exist, or is hidden from the caller. */
export class NotFound extends StatusError {}
/** It clashes with something that exists. */
export class Conflict extends StatusError {}
/** The record was changed meanwhile. */
export class Stale extends StatusError {}

// Those of other kinds are of the class of the kind that they are a case of.
const CLASSES: Record<string, typeof HinterlandError> = {
  error: HinterlandError, network: NetworkError, invalid_response: InvalidResponse, status: StatusError,
  validation: ValidationFailed, unauthorized: Unauthorized, challenge_required: ChallengeRequired,
  wrong_server: WrongServer, not_found: NotFound, conflict: Conflict, stale: Stale,
};

/** The error of a kind, as an instance of its class. */
export function failure(kind: string, facts?: ErrorFacts): HinterlandError {
  let of = kind;
  while (!CLASSES[of]) of = ROWS.get(of)![1];
  return new CLASSES[of]!(kind, facts);
}

/** The kind of an error response: by its code where the table has it, else by its status. */
function kindOf(code: string, status: number): string {
  if (statusOf(code)) return code;
  for (const [kind, , statuses = ""] of ROWS.values()) if (statuses.includes(` ${status}`)) return kind;
  return status < 400 ? "status" : status < 500 ? "bad_request" : "internal";
}

/** A problem of the contract (RFC 9457), such as the reason why a mutation was refused. */
export interface Problem {
  code: string;
  status: number;
  message: string;
  errors?: Record<string, string[]>;
  details?: Record<string, unknown>;
  request_id?: string;
  retry_after?: number | null;
}

/** The error for a problem that the server has sent. */
export const errorOf = (problem: Problem, facts?: ErrorFacts): StatusError => {
  const { code, message, status, errors = {}, details = {}, request_id: requestId = "", retry_after } = problem;
  const isOther = code === "invalid_grant" && details["reason"] === "another_server";
  return failure(isOther ? "wrong_server" : kindOf(code, status), {
    // That of another server is about a token, of which users know nothing.
    code, message: isOther ? "" : message, status, errors, details, requestId, isFromServer: true,
    retryAfter: retry_after ?? undefined, ...facts,
  });
};

/** The error for what this device refuses itself: the server's class and code, but nothing was sent. */
export const refusedHere = (code: string, message: string, errors?: Record<string, string[]>): StatusError =>
  errorOf({ code, message, status: 0, ...(errors && { errors }) }, { sent: "no", isFromServer: false });

/** A response as far as errors are read from it. */
export interface ErrorResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly text: string;
}

export const requestIdOf = ({ headers }: Pick<ErrorResponse, "headers">): string => headers.get("x-request-id") ?? "";

/** Whether an error response is the server's own, and not that of a proxy or gateway. */
export function isOwn(response: ErrorResponse): boolean {
  const { code, status } = objectIn(response.text);
  return statusOf(code) === status && status === response.status;
}

/** The error for an error response, ours (RFC 9457) or another server's. `now`: milliseconds since 1970. */
export function errorIn(response: ErrorResponse, now: number, facts?: ErrorFacts): StatusError {
  const body = objectIn(response.text);
  const { status } = response;
  const asked = retryAfter(response.headers, now);
  if (isOwn(response)) return errorOf({ retry_after: asked, ...body } as Problem, facts);
  const message = ["message", "detail", "error", "title"]
    .map((key) => body[key]).find((text) => text && typeof text === "string") as string | undefined;
  return failure(kindOf(String(body["code"]), status), {
    ...facts, message: message?.slice(0, 300)!, status, requestId: requestIdOf(response),
    retryAfter: asked,
  });
}

/**
 * The seconds that Retry-After asks to wait, given as seconds or as a date (RFC 9110 §10.2.3).
 * A date is compared with the response's own Date, since this device's clock (`now`) may be wrong.
 */
export function retryAfter(headers: ErrorResponse["headers"], now: number): number | undefined {
  const asked = headers.get("retry-after")?.trim() ?? "";
  if (/^\d+$/.test(asked)) return Number(asked);
  const until = /[a-z]/i.test(asked) ? Date.parse(asked) : NaN;
  return Number.isNaN(until) ? undefined : Math.max(0, (until - (Date.parse(headers.get("date")!) || now)) / 1000);
}

/** The error for a response that is not what was asked for, such as a portal's page: `found` is there instead. */
export const unexpected = (response: Pick<ErrorResponse, "headers">, found: string, operation = ""): HinterlandError =>
  failure("invalid_response", { path: "$", found, operation, requestId: requestIdOf(response) });
