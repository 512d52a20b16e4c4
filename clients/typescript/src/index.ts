/** The client of a Hinterland backend. */
export { createClient } from "./core/client.js";
export type { Client, ClientSettings, Internals, InvokeOptions, RequestParts } from "./core/client.js";
export {
  ChallengeRequired, Conflict, HinterlandError, InvalidResponse, NetworkError, NotFound, Stale, StatusError,
  Unauthorized, ValidationFailed, WrongServer,
} from "./contract/errors.js";
export type { ErrorFacts, Sent } from "./contract/errors.js";
export type { Query } from "./contract/query.js";
export type { Auth, SessionInfo } from "./core/auth.js";
export type { Connectivity, ConnectivityState } from "./core/breaker.js";
export type { Change, EventOptions, LiveEvent } from "./core/events.js";
export type { ClientRequest, ClientResponse, Journal, Layer, Send } from "./core/exchange.js";
export type { Options } from "./core/options.js";
export type {
  AnyRecord, CallOptions, ChangeOptions, Draft, ListQuery, Page, Patch, Repository, Stored, Transform, Where,
  WriteOptions,
} from "./core/repository.js";
export type { Reason, SessionState, User } from "./core/tokens.js";
export type { Trace } from "./core/trace.js";
export type { Fetch } from "./core/transport.js";
export { browserVault, memoryVault } from "./core/vault.js";
export type { Vault } from "./core/vault.js";
export { systemClock } from "./kit/clock.js";
export type { Clock } from "./kit/clock.js";
export type { Random } from "./kit/backoff.js";
