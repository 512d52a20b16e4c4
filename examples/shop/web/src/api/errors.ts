/** Every failure of a call is one of these: ApiError (the server said no), Unreachable (no answer came), InvalidAnswer. */

export type FieldErrors = Readonly<Record<string, readonly string[]>>;

/** The server answered with problem+json (RFC 9457). */
export class ApiError extends Error {
  override name = "ApiError";
  readonly status: number;
  readonly code: string;
  readonly fields: FieldErrors;

  constructor(status: number, code: string, message: string, fields: FieldErrors = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.fields = fields;
  }
}

/** fetch threw: the server is away, or the browser kept its answer from a page whose origin it doesn't list. */
export class Unreachable extends Error {
  override name = "Unreachable";

  constructor(url: string, origin: string) {
    super("The shop can't be reached. Check your connection, then try again.");
    // A shopper can't change a server; its operator looks here.
    console.error(
      `Can't reach ${url}. If the server runs, its log names this page's origin (${origin}) and the setting that ` +
        "allows it (cors_origins).",
    );
  }
}

/** The server took longer than the page waits. */
export class TimedOut extends Error {
  override name = "TimedOut";

  constructor(url: string, seconds: number) {
    super(`The shop did not answer within ${seconds} seconds. It may be busy: try again in a moment.`);
    console.error(`${url} did not answer within ${seconds} seconds.`);
  }
}

/** Something answered, but not with JSON: usually another server listens at that address. */
export class InvalidAnswer extends Error {
  override name = "InvalidAnswer";

  constructor(url: string) {
    super("The shop's answer can't be read. Try again later.");
    console.error(`${url} answered with something that is not JSON. Does this address belong to a Hinterland server?`);
  }
}

/** The session is over for good; the message is for the log-in screen. */
export class SessionEnded extends Error {
  override name = "SessionEnded";
}

interface Problem {
  code?: unknown;
  message?: unknown;
  detail?: unknown;
  title?: unknown;
  errors?: unknown;
}

function firstText(...candidates: unknown[]): string | undefined {
  return candidates.find((text): text is string => typeof text === "string" && text !== "");
}

function fieldErrors(errors: unknown): FieldErrors {
  if (typeof errors !== "object" || errors === null) return {};
  const pairs = Object.entries(errors).map(([field, messages]) => [field, [messages].flat().map(String)] as const);
  return Object.fromEntries(pairs);
}

export function problemToError(status: number, body: unknown): ApiError {
  const problem = (typeof body === "object" && body !== null ? body : {}) as Problem;
  const message = firstText(problem.message, problem.detail, problem.title) ?? `The server answered ${status}.`;
  return new ApiError(status, firstText(problem.code) ?? "unknown", message, fieldErrors(problem.errors));
}

/** The server's messages are phrases: this makes one stand alone. */
export function sentence(text: string): string {
  const end = /[.!?…]$/.test(text) ? "" : ".";
  return text.charAt(0).toUpperCase() + text.slice(1) + end;
}

export function messageOf(error: unknown): string {
  if (error instanceof ApiError && error.code === "not_found") return "This no longer exists. Refresh the page.";
  return sentence(error instanceof Error ? error.message : String(error));
}
