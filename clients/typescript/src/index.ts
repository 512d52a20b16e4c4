export type { Clock } from "./kit/clock.js";
export { systemClock } from "./kit/clock.js";
export type { Random } from "./kit/backoff.js";
export type { Json } from "./kit/json.js";
