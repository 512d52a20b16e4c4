import { errorOf, type HinterlandError, type Problem, statusOf } from "../contract/errors.js";

/** An error of a response, as it is sent. */
export interface SentError {
  message?: string;
  path?: (string | number)[];
  extensions?: { code?: string; errors?: Record<string, string[]>; [name: string]: unknown };
}

/** The body of a response. */
export interface SentResponse {
  data?: any;
  errors?: SentError[];
  extensions?: { cursor?: string; [name: string]: unknown };
}

/**
 * An error that a GraphQL response has: of the class that the same error has over REST, with its `code`, `message` and
 * `errors` by field.
 */
export type GraphQLError = HinterlandError & {
  /** The field of the response; empty: the whole request. */
  path: readonly (string | number)[];
  /** What the response has in spite of it. */
  data: any;
  /** All errors of the response, this one included. */
  all: readonly GraphQLError[];
};

/** Whether an error is one of a GraphQL response. */
export const isGraphQLError = (error: unknown): error is GraphQLError => Array.isArray((error as GraphQLError)?.all);

/** The errors of a response; `status` is that of HTTP, which decides for codes of other servers. */
export function errorsIn({ data = null, errors = [] }: SentResponse, status: number): GraphQLError[] {
  const all: GraphQLError[] = [];
  for (const { message = "", path = [], extensions = {} } of errors) {
    const { code = "", errors: fields, ...details } = extensions;
    const own = statusOf(code) || (status < 400 ? 400 : status);
    const problem: Problem = { code: code || "bad_request", status: own, message, details, ...(fields && { errors: fields }) };
    const error = errorOf(problem);
    all.push(Object.assign(error, { path, data, all }) as GraphQLError);
  }
  return all;
}
