/**
 * Runs `act` while no other tab holds the lock, or without it where `ifAvailable` finds it held. In a page without Web
 * Locks (plain http from another machine) it runs at once.
 */
export const locked = <T>(
  name: string, act: (lock: Lock | null) => Promise<T>, options: LockOptions = {},
): Promise<T> => {
  const locks = globalThis.navigator?.locks as LockManager | undefined;
  return locks ? locks.request(name, options, act) as Promise<T> : act({} as Lock);
};
