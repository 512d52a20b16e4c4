/** Any value that JSON can hold. */
export type Json = string | number | boolean | null | Json[] | { [name: string]: Json };

/** The object in a JSON text; an empty one where it holds something else or is no JSON. */
export function objectIn(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

/** What is wrong with a number that JSON does not have. */
export const NOT_FINITE = "a number is NaN or infinite; JSON has finite numbers only";

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
