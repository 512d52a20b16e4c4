import { refusedHere, type StatusError } from "./errors.js";

/** The refusal of a body whose fields are not valid. */
export function invalid(errors: Record<string, string[]>): StatusError {
  const [[name, messages]] = Object.entries(errors) as [[string, string[]]];
  return refusedHere("validation", `${name}: ${messages[0]}`, errors);
}
