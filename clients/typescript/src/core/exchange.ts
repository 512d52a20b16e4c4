import type { Sent } from "../contract/errors.js";

/** What happened to one request on its way: written by the layers, read where it is reported. */
export interface Journal {
  /** Attempts until now. */
  attempts: number;
  /** Seconds between attempts. */
  waited: number;
  /** Whether the server may have received the request, were it given up now. */
  sent: Sent;
  /** In whose name the first attempt was made; "": nobody's, undefined before it. */
  user?: string | number;
}

/** A request on its way through the layers. Header names are in lower case; times are in seconds. */
export interface ClientRequest {
  /** The HTTP method, in upper case. */
  readonly method: string;
  /** The whole address, with the query. */
  readonly url: string;
  /** The headers, without the session's token. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body as `fetch` takes it. */
  readonly body?: BodyInit | null;
  /** The row of the table; "" for other calls. */
  readonly operation: string;
  /** The limit of the call with all its attempts and waits; Infinity: none. */
  readonly deadline: number;
  /** The limit for each piece of the response. */
  readonly read: number;
  /** Attempts after the first. */
  readonly retries: number;
  /** Whether it may be sent again though the server may have received it. */
  readonly isRepeatable: boolean;
  /** Whether it gets the session's token. */
  readonly hasAuth: boolean;
  /** Whether the response's body is read piece by piece, from `body`. */
  readonly isStream?: boolean;
  /** Ends the call. */
  readonly signal?: AbortSignal | null | undefined;
  /** What happened to it until now. */
  readonly journal: Journal;
  /** Is called when a stream has ended. */
  readonly release?: () => void;
}

/** What came back. */
export interface ClientResponse {
  /** The HTTP status. */
  readonly status: number;
  /** The headers of the response. */
  readonly headers: Headers;
  /** The whole body as text; empty where it is a stream. */
  readonly text: string;
  /** The pieces of the body of a stream. Abort the request's signal to end it early. */
  readonly body: AsyncIterable<Uint8Array> | null;
  /** The body as JSON. Throws InvalidResponse where it is none. */
  json(): any;
  /** Whether an earlier attempt may have been carried out. */
  isInDoubt: boolean;
}

/** Sends a request to the next layer. */
export type Send = (request: ClientRequest) => Promise<ClientResponse>;
/** A function around each request; it calls `send` to continue. */
export type Layer = (request: ClientRequest, send: Send) => Promise<ClientResponse>;

/** The way of a request: the first layer sees it first, `transport` last. */
export const stack = (layers: readonly Layer[], transport: Send): Send =>
  layers.reduceRight<Send>((send, layer) => (request) => layer(request, send), transport);

export const originOf = (url: string): string => new URL(url).origin;

/** Whether the body can be sent again. */
export const canRepeat = ({ body }: ClientRequest): boolean => !(body as ReadableStream)?.getReader;
