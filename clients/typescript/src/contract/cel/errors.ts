/** The text is not an expression; `offset` counts UTF-16 units. */
export class CelError extends Error {
  override readonly name = "CelError";

  constructor(
    message: string,
    readonly offset: number,
  ) {
    super(message);
  }
}

/** The expression is outside the subset that is evaluated here, or not valid: only the server can tell. */
export class UnsupportedExpression extends Error {
  override readonly name = "UnsupportedExpression";
}

export function unsupported(what: string): never {
  throw new UnsupportedExpression(`${what} is not evaluated on this device; ask the server`);
}
