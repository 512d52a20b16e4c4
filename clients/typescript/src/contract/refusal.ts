import { refusedHere } from "./errors.js";

/** Throws the refusal of a body whose fields have `errors`, if there are any. */
export function assertValid(errors: Record<string, string[]>): void {
  const [first] = Object.entries(errors);
  if (first) throw refusedHere("validation", `${first[0]}: ${first[1][0]}`, errors);
}
