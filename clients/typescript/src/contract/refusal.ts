/** Why an operation is refused: a `code` of the table, a message for people, messages by field. */
export class Refusal extends Error {
  override readonly name = "Refusal";

  constructor(
    readonly code: string,
    message: string,
    readonly errors: Readonly<Record<string, string[]>> = {},
  ) {
    super(message);
  }
}

/** The refusal of a body whose fields are not valid. */
export function invalid(errors: Readonly<Record<string, string[]>>): Refusal {
  const [[name, messages]] = Object.entries(errors) as [[string, string[]]];
  return new Refusal("validation", `${name}: ${messages[0]}`, errors);
}
