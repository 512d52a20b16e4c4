import "fake-indexeddb/auto";
import { errorOf, failure } from "../../src/contract/errors.js";
import type { Client } from "../../src/core/client.js";
import type { LiveEvent } from "../../src/core/events.js";
import { type Local, type LocalOptions, openLocal } from "../../src/offline/index.js";
import "../../src/offline/later.js"; // is there when it is asked for
import type { Pull, PullResult, Push, PushResult, RecordId, Settled } from "../../src/offline/types.js";
import { ManualClock, settled } from "./manual_clock.js";

type Answer<Asked, Result> = (asked: Asked) => Result | Error;

/** The error that the server answers with. */
export const refused = (code: string, status: number, details: Record<string, unknown> = {}) =>
  errorOf({ code, status, message: code, details });

export const unreachable = () => failure("connect");
export const lost = () => failure("connection_lost");

export const applied = ({ mutations }: Push, revision = 1): PushResult => ({
  results: mutations.map(({ seq }): Settled => ({ seq, status: "applied", revision })),
  settled: mutations.at(-1)?.seq ?? 0,
});

export const nothing = (pull: Pull): PullResult => ({ changes: [], cursor: `${pull.cursor}.` });

let names = 0;

/** A local store whose server answers as the test says. */
export class Scripted {
  readonly clock = new ManualClock();
  readonly pushes: Push[] = [];
  readonly pulls: Pull[] = [];
  push: Answer<Push, PushResult> = (push) => applied(push);
  pull: Answer<Pull, PullResult> = nothing;
  readonly described: number[] = [];
  etag = "1";
  describe: () => unknown = () => {
    throw refused("not_found", 404);
  };
  /** The answer to a list that is asked of the server. */
  list: (query: object) => object = () => {
    throw unreachable();
  };
  /** Ends the wait of the stream with an event; undefined: there is no stream. */
  emit: ((event: Partial<LiveEvent>) => void) | undefined;
  local!: Local;
  private settled = 0; // the last seq of the pushes' answers
  private state: any = { kind: "signedOut", reason: "never" };
  private readonly listeners = new Set<(state: any) => void>();

  readonly name: string;

  /** Tabs of one browser have one name. */
  constructor(name = `scripted-${names++}`) {
    this.name = name;
  }

  async open(account: RecordId = "ada", options: LocalOptions = {}): Promise<this> {
    this.state = { kind: "signedIn", user: { id: account } };
    this.local = await openLocal(this.client(), { name: this.name, ...options });
    return this;
  }

  /** What another tab, or the next start, would be. */
  async again(): Promise<void> {
    await this.local.close();
    this.local = await openLocal(this.client(), { name: this.name });
  }

  async turnTo(state: object): Promise<void> {
    this.state = state;
    for (const listener of this.listeners) listener(state);
    await settled();
  }

  private client(): Client {
    const self = this;
    const answer = async <A, R>(kept: A[], act: Answer<A, R>, asked: A): Promise<R> => {
      kept.push(structuredClone(asked));
      const given = act(asked);
      if (given instanceof Error) throw given;
      return given;
    };
    const calls = {
      call: (operation: string, { json }: { json: any }) =>
        operation === "sync.push"
          ? answer(self.pushes, self.push, json).then((result) => ((self.settled = result.settled), result))
          : answer(self.pulls, self.pull, json).then((result) => ({ settled: self.settled, ...result })),
      request: async (_method: string, _path: string, parts: { headers: Record<string, string>; signal?: AbortSignal }) => {
        const { headers, signal } = parts;
        const aborted = new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
        aborted.catch(() => {});
        const document = await Promise.race([self.describe(), aborted]);
        const status = headers["if-none-match"] === self.etag ? 304 : 200;
        self.described.push(status);
        return { status, headers: new Headers({ etag: self.etag }), json: () => document };
      },
    };
    return {
      url: "http://127.0.0.1:1",
      collection: () => ({ list: async (query: object) => self.list(query) }),
      auth: {
        get state() {
          return self.state;
        },
        subscribe(listener: (state: any) => void) {
          self.listeners.add(listener);
          return () => self.listeners.delete(listener);
        },
      },
      async *events(_: unknown, { cursor, signal }: { cursor: string; signal: AbortSignal }) {
        const waiting: LiveEvent[] = [];
        let wake = () => {};
        self.emit = (event) => {
          waiting.push({ kind: "commit", cursor, revision: 0, changes: [], reason: "", ...event });
          wake();
        };
        signal.addEventListener("abort", () => wake());
        while (!signal.aborted) {
          for (const event of waiting.splice(0)) yield event;
          if (!waiting.length) await new Promise<void>((resolve) => (wake = resolve));
        }
      },
      internals: {
        calls, clock: self.clock, random: () => 1, followers: new Set(), closing: new AbortController().signal,
      },
    } as unknown as Client;
  }

  /** Create notes with these titles; the ids are the titles. */
  async create(...titles: string[]): Promise<void> {
    const notes = this.local.collection("notes");
    for (const id of titles) await notes.create({ id, title: id } as any);
  }

  /** Let the time pass, and everything that it sets off. */
  async pass(milliseconds = 0): Promise<void> {
    await this.clock.advance(milliseconds);
    for (let turn = 0; turn < 5; turn++) await settled();
  }

  get states(): string[] {
    return this.local.outbox.list().map(({ state }) => state);
  }
}
