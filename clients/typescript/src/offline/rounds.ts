/** One round of synchronisation: push local writes, then fetch what is new. */

import { failure, HinterlandError } from "../contract/errors.js";
import { idMaker } from "../contract/ids.js";
import type { Clock } from "../kit/clock.js";
import type { Memory } from "./memory.js";
import { isFollowed, startAgain, takePull } from "./pulls.js";
import { hasCode, isAboutContent, isUntaken, MOST_FAILURES, reasonOf, UNABLE } from "./reasons.js";
import type { Remote } from "./remote.js";
import { failed, fork, gap, hasUnanswered, nextPush, settle, takeBack } from "./results.js";
import type { Store } from "./parts.js";
import type { Push, PushResult, RecordId } from "./types.js";

const MAX_MUTATIONS = 200;
const PATIENCE = 3; // answers in a row that name a gap; then server and device will never agree on the seqs
const PAGE = 1_000; // changes of a pull
export interface Rounds {
  /**
   * Pushes until nothing waits, then pulls until nothing is left of the names that `what` gives, which is to leave out
   * the `unknown`. Where a stream `isLive` and nothing was missed, its events bring what is new, the pushed writes too,
   * and nothing is pulled; whether it was.
   */
  run(what: () => string, isLive: boolean, signal: AbortSignal): Promise<boolean>;
}

const isParting = ({ code }: HinterlandError) => code === "fork" || code === "gap";

export function createRounds(
  store: Store, remote: Remote, clock: Clock, unknown: Map<string, HinterlandError>, onPage: () => void,
): Rounds {
  const { memory, write } = store;
  let limit = MAX_MUTATIONS;
  let gaps = 0;
  let isInDoubt = false; // whether the server's history is the one that the store knows
  let account: RecordId;
  let signal: AbortSignal;

  const device = () => idMaker()(clock.now() / 1000);
  const send = (push: Push): Promise<PushResult> => remote.push(account, push, signal);

  /** What `act` resolves to, or the client's error that it rejects with. */
  const attempt = <T>(act: Promise<T>): Promise<T | HinterlandError> =>
    act.catch((error) => {
      if (error instanceof HinterlandError && !signal.aborted) return error;
      throw error;
    });

  async function pushAll() {
    if (account === "") return write(() => {}); // behind the one that keeps which collections are wanted
    for (;;) {
      const firstNew = memory.space!.nextSeq;
      const push = await nextAt();
      if (push) await pushOne(push, firstNew);
      else if (!await store.post?.(account, signal)) return;
    }
  }

  const nextAt = (): Promise<Push | null> =>
    write((memory) => nextPush(memory, limit)).catch((error) => {
      if (error.code !== "store_full" || limit === 1) throw error;
      limit = 1;
      return nextAt();
    });

  async function pushOne(push: Push, firstNew: number) {
    const result = await attempt(send(push));
    if (!(result instanceof HinterlandError)) return settled(push, result);
    if (isParting(result)) return part(push, result);
    if (isUntaken(result)) await write((memory) => takeBack(memory, firstNew));
    if (result.sent === "no" || hasCode(result, UNABLE)) throw result;
    if (await isHopeless(push, firstNew, result)) await withdraw(push);
  }

  async function settled(push: Push, result: PushResult) {
    // To push the same again at once would not end.
    if (!result.results.some(({ seq }) => seq === push.mutations[0]!.seq && seq <= result.settled)) {
      throw failure("invalid_response", {
        detail: "the server took a push of local edits and has no result of the first of them",
      });
    }
    await write((memory) => settle(memory, push, result));
    limit = Math.min(MAX_MUTATIONS, limit * 2);
    gaps = 0;
  }

  /** Another store has used our seqs, or the server was restored from a backup. */
  async function part(push: Push, { code, details }: HinterlandError) {
    const as = device();
    isInDoubt = true;
    if (code === "gap") {
      const { expected } = details;
      if (typeof expected === "number" && ++gaps <= PATIENCE) return write((memory) => gap(memory, expected, as));
      gaps = 0;
      return write((memory) => fork(memory, as));
    }
    if (push.mutations.length > 1) return void (limit = 1); // what the two share is known to the server: find its end
    const from = typeof details.settled === "number" ? details.settled + 1 : undefined;
    await write((memory) => fork(memory, as, from));
    limit = MAX_MUTATIONS;
  }

  /**
   * Whether a push that failed is of a single mutation, and would fail again; a larger one is cut in halves. Throws the
   * error where the server does not answer other pushes either, and as long as it may pass.
   */
  async function isHopeless(push: Push, firstNew: number, error: HinterlandError): Promise<boolean> {
    const isContent = isAboutContent(error);
    if (!isContent) {
      const answer = await attempt(send({ ...push, mutations: [] }));
      if (answer instanceof HinterlandError && answer.code !== "fork") throw answer;
    }
    const [{ id }, ...more] = push.mutations as [Push["mutations"][0]];
    if (more.length) {
      if (isContent && !error.isInDoubt) await write((memory) => takeBack(memory, firstNew));
      limit = push.mutations.length >> 1;
      return false;
    }
    const failures = await write((memory) => failed(memory, id, reasonOf(error)));
    if (failures < MOST_FAILURES && !isContent) throw error;
    return true;
  }

  /** The server settles a mutation without its content: it answers an outcome that it has, and never applies another. */
  async function withdraw(push: Push) {
    const mutations = push.mutations.map((mutation) => ({ ...mutation, writes: [], base: [] }));
    const result = await attempt(send({ ...push, mutations }));
    if (!(result instanceof HinterlandError)) return settled(push, result);
    if (!isParting(result)) throw result;
    await part(push, result);
  }

  // ---------------------------------------------------------------- pull

  async function pullAll(what: () => string) {
    for (let names; (names = what()); ) {
      const error = await attempt(pull(names));
      if (!(error instanceof HinterlandError)) return;
      const name = error.details.collection as string;
      // A collection that the server does not have must not keep the others from being fetched.
      if (error.code !== "unknown_collection" || !names.split(",").includes(name)) throw error;
      unknown.set(name, error);
    }
  }

  /** Fetches to the end; the next page is under way while one is stored. */
  async function pull(names: string): Promise<void> {
    const collections = names.split(",");
    for (const name of collections) await store.load(name);
    const ask = (cursor: string) => attempt(remote.pull(account,
      { collections, cursor, limit: PAGE, ...(account !== "" && { device: memory.space!.device }) }, signal));
    let { cursor } = memory.space!;
    for (let asked = ask(cursor); ; ) {
      const result = await asked;
      if (result instanceof HinterlandError) {
        if (result.code !== "invalid_cursor" || !cursor) throw result;
        await write(startAgain);
        return pull(names);
      }
      if (result.more) (asked = ask(result.cursor)).catch(() => {});
      const from = cursor;
      const isTaken = await write((memory) => takePull(memory, names, from, result), true);
      onPage();
      if (!isTaken) return pull(names);
      if (!result.more) return;
      cursor = result.cursor;
    }
  }

  return {
    async run(what, isLive, until) {
      account = memory.account;
      signal = until;
      await pushAll();
      if (isLive && !isInDoubt && (await write((memory: Memory) => isFollowed(memory, what()), true))) return false;
      await pullAll(what);
      isInDoubt = false;
      if (hasUnanswered(memory)) { // what a restored server has forgotten
        await pushAll();
        await pullAll(what);
      }
      return true;
    },
  };
}
