import { errorOf, type HinterlandError, statusOf } from "../contract/errors.js";
import { isObject } from "../contract/values.js";

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

/** Where in the result an error is; empty for no field's, or what is no path. */
export const pathOf = ({ path }: SentError): (string | number)[] =>
  (Array.isArray(path) && path.every((part) => typeof part === "string" || Number.isInteger(part)) ? path : []);

const objectOf = (value: unknown): Record<string, unknown> => (isObject(value) ? value : {});

/**
 * The errors of a response, as far as they have the form that the specification gives them (§7.1.2); `status` is that of
 * HTTP, which decides for codes of other servers.
 */
export function errorsIn(sent: SentResponse, status: number): GraphQLError[] {
  const all: GraphQLError[] = [];
  const { data = null, errors } = objectOf(sent);
  for (const each of Array.isArray(errors) ? errors : []) {
    const { message = "", extensions, ...rest } = objectOf(each);
    const { code, errors: fields, ...details } = objectOf(extensions);
    const own = typeof code === "string" && code || "bad_request";
    const error = errorOf({
      code: own, status: statusOf(code) || (status < 400 ? 400 : status), message: String(message), details,
      errors: Object.fromEntries(Object.entries(objectOf(fields)).map(([name, texts]) => [name, [texts].flat().map(String)])),
    });
    all.push(Object.assign(error, { path: pathOf(rest), data, all }) as GraphQLError);
  }
  return all;
}
