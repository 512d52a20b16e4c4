/** Why an operation is refused: a `code` of the table, a message for people, messages by field. */
export class Refusal extends Error {
  override readonly name = "Refusal";

  readonly code: string;
  readonly errors: Record<string, string[]>;

  constructor(code: string, message: string, errors: Record<string, string[]> = {}) {
    super(message);
    this.code = code;
    this.errors = errors;
  }
}

/** The refusal of a body whose fields are not valid. */
export function invalid(errors: Record<string, string[]>): Refusal {
  const [[name, messages]] = Object.entries(errors) as [[string, string[]]];
  return new Refusal("validation", `${name}: ${messages[0]}`, errors);
}
