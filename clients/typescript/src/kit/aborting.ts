/**
 * A controller that aborts with `signal`, with its reason, and is among those that `running` has; `unlink` ends both.
 */
export function aborting(
  signal: AbortSignal | null | undefined, running?: Set<AbortController>,
): [AbortController, unlink: () => void] {
  const controller = new AbortController();
  const leave = () => controller.abort(signal!.reason);
  if (signal?.aborted) leave();
  signal?.addEventListener("abort", leave);
  running?.add(controller);
  return [controller, () => {
    signal?.removeEventListener("abort", leave);
    running?.delete(controller);
  }];
}
