/** GraphQL without a network: mutations that wait in the outbox of the local store. */

export { mutationQueue } from "./queue.js";
export type { EnqueueOptions, MutationQueue, QueuedMutation, QueueStore, QueueView, ResultOptions } from "./queue.js";
