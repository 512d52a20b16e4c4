/** GraphQL: queries and mutations with types and a cache by type and id, and subscriptions that continue after cuts. */

export type { FetchPolicy } from "./cache.js";
export { graphql } from "./client.js";
export type { AnyVariables, Given, GraphQL, GraphQLSettings, MutationOptions, QueryOptions } from "./client.js";
export type { GraphQLDocument } from "./document.js";
export { isGraphQLError } from "./errors.js";
export type { GraphQLError } from "./errors.js";
export type { SubscriptionOptions, GraphQLEvent, GraphQLOptions, GraphQLResult, OperationOptions } from "./graphql.js";
export type { GraphQLState, WatchedQuery } from "./watched.js";
