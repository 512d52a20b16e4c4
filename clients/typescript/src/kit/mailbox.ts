/** Values on their way to one reader, who takes them one after the other. */
export interface Mailbox<T> {
  /** Whether the reader keeps up: false where more than `most` values wait. A value behind the end is dropped. */
  put(value: T): boolean;
  /** No further values; the reader gets those that wait, and then `error` where there is one. */
  end(error?: unknown): void;
  /** The values, for one loop. */
  readonly values: AsyncGenerator<T, void>;
}

/** `drained` is called when the reader has taken all; `left` when the reader leaves. */
export function mailbox<T>(most: number, drained = () => {}, left = () => {}): Mailbox<T> {
  const waiting: T[] = [];
  let isEnded = false, reason: unknown;
  let wake = () => {};
  async function* read(): AsyncGenerator<T, void> {
    for (;;) {
      if (waiting.length) {
        const value = waiting.shift()!;
        if (!waiting.length) drained();
        yield value;
      } else if (isEnded) {
        if (reason) throw reason;
        return;
      } else await new Promise<void>((resolve) => (wake = resolve));
    }
  }
  const values = read();
  const leave = values.return.bind(values);
  values.return = (value) => {
    waiting.length = 0;
    isEnded = true;
    reason = undefined;
    wake();
    left();
    return leave(value);
  };
  return {
    values,
    put(value) {
      if (!isEnded) waiting.push(value);
      wake();
      return waiting.length <= most;
    },
    end(error) {
      if (isEnded) return;
      isEnded = true;
      reason = error;
      wake();
    },
  };
}
