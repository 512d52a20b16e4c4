import type { Sent } from "../contract/errors.js";

/** What happened to one request on its way: written by the layers, read where it is reported. */
export interface Journal {
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
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: BodyInit | null;
  /** The row of the table; "" for other calls. */
  readonly operation: string;
  /** The limit of the call with all its attempts and waits; Infinity: none. */
  readonly deadline: number;
  /** The limit for each piece of the response. */
  readonly read: number;
  /** Attempts after the first. */
  readonly retries: number;
  readonly isRepeatable: boolean;
  readonly hasAuth: boolean;
  /** Whether the response's body is read piece by piece, from `body`. */
  readonly isStream?: boolean;
  readonly signal?: AbortSignal | null | undefined;
  readonly journal: Journal;
  /** Is called when a stream has ended. */
  readonly release?: () => void;
}

/** What came back. */
export interface ClientResponse {
  readonly status: number;
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

export type Send = (request: ClientRequest) => Promise<ClientResponse>;
export type Layer = (request: ClientRequest, send: Send) => Promise<ClientResponse>;

/** The way of a request: the first layer sees it first, `transport` last. */
export const stack = (layers: readonly Layer[], transport: Send): Send =>
  layers.reduceRight<Send>((send, layer) => (request) => layer(request, send), transport);

export const originOf = (url: string): string => new URL(url).origin;

/** Whether the body can be sent again. */
export const canRepeat = ({ body }: ClientRequest): boolean => !(body as ReadableStream)?.getReader;
