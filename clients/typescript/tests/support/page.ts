/** What the tests use in the page: the client and its local store, as an app has them. */

import { createClient } from "../../src/core/client.js";
import { graphql } from "../../src/graphql/index.js";
import { openLocal, type LocalOptions } from "../../src/offline/index.js";
import { mutationQueue } from "../../src/queue/index.js";

const PASSWORD = "7 lean oysters";

export async function enter(options: LocalOptions = {}) {
  const client = createClient({ url: location.origin, options: { retries: 0 } });
  const local = await openLocal(client, { name: "app", ...options });
  return { client, local };
}

const page = {
  createClient, openLocal, graphql, mutationQueue, enter,
  async signUp(name: string, options?: LocalOptions) {
    Object.assign(page, await enter(options));
    await page.client.auth.signUp({ name, email: `${name}@example.org`, password: PASSWORD });
  },
  async logIn(name: string, options?: LocalOptions) {
    Object.assign(page, await enter(options));
    await page.client.auth.logIn({ email: `${name}@example.org`, password: PASSWORD });
  },
  async back(options?: LocalOptions) {
    Object.assign(page, await enter(options));
  },
  /** Lets other work of the page go first. */
  breathe: () => new Promise<void>((resolve) => setTimeout(resolve, 2)),
  /** Until `act` answers what is true. */
  async until<T>(act: () => T | Promise<T>, what = String(act)): Promise<T> {
    for (const end = Date.now() + 30_000; ; ) {
      const found = await act();
      if (found) return found;
      if (Date.now() > end) throw new Error(`in vain: ${what}; ${JSON.stringify(page.local.sync.status)}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  },
  /** The error that `act` rejects with, as plain facts. */
  async refusal(act: () => unknown) {
    try {
      await act();
    } catch (error) {
      const { constructor: { name }, code, message, advice, errors, sent } = error as any;
      return { name, code, message, advice, errors, sent };
    }
    throw new Error("it was not refused");
  },
  client: undefined as unknown as ReturnType<typeof createClient>,
  local: undefined as unknown as Awaited<ReturnType<typeof openLocal>>,
};

export type TestPage = typeof page;
declare global {
  var hl: TestPage;
}
globalThis.hl = page;
