/** Channels that are joined: messages of their members, and who is there. They are joined again after a cut. */

import { errorOf, failure, type HinterlandError, type Problem } from "../contract/errors.js";
import { mayPass } from "../core/events.js";
import { type Random, reconnectWait } from "../kit/backoff.js";
import type { Clock } from "../kit/clock.js";
import { listeners, type Listener } from "../kit/listeners.js";
import { queueFull } from "./errors.js";
import type { ServerMessage } from "./messages.js";
import { readers } from "./readers.js";

const MOST_WAITING = 1_000; // messages of a loop, and messages to be sent

/** A user as a channel shows it. */
export interface ChannelUser {
  /** The id of the user's record. */
  id: string | number;
  /** The fields that the channel shows. */
  [field: string]: any;
}

/** One who is in a channel. */
export interface ChannelMember<S = any> {
  /** Names this join: a user with two tabs is there twice. */
  member: string;
  /** Its user; null: signed out. */
  user: ChannelUser | null;
  /** What it shows of itself; null: nothing. */
  state: S | null;
}

/** A message of another member. */
export interface ChannelMessage<D = any> {
  /** What it is. */
  event: string;
  /** What it says. */
  data: D;
  /** Its user, as in members. */
  user: ChannelUser | null;
  /** Whose join it is of. */
  member: string;
  /** When it came to the server, in RFC 3339. */
  at: string;
  /** Its number in the channel, where it is kept; else 0. */
  seq: number;
}

/** Who is in a channel. */
export interface ChannelView<S = any> {
  /** Whether messages are sent and received now. */
  readonly isJoined: boolean;
  /** This join; "" before it. */
  readonly member: string;
  /** Those who are there, this one included. */
  readonly members: readonly ChannelMember<S>[];
  /** Why it has ended. */
  readonly error: HinterlandError | undefined;
}

/** The settings of a join; all may be left out. */
export interface ChannelOptions<S> {
  /** What the other members see of this one. */
  state?: S | undefined;
  /** How many of the messages that the channel keeps come first; by default all. */
  history?: number | undefined;
}

/** A channel that is joined until `leave`; also a store of who is there, for `useStore`. */
export interface JoinedChannel<D = any, S = any> {
  /** Such as `room/42`. */
  readonly name: string;
  /** Who is there. */
  readonly state: ChannelView<S>;
  /** Call `listener` with each new state; the returned function ends that. */
  subscribe(listener: Listener<ChannelView<S>>): () => void;
  /**
   * Messages of the others from now on, for each loop; kept ones come first, and after a cut those that were missed. What came
   * before the first loop or listener waits for it.
   */
  readonly messages: AsyncIterable<ChannelMessage<D>>;
  /** Call `listener` with each message, as `messages` has them; the returned function ends that. */
  listen(listener: Listener<ChannelMessage<D>>): () => void;
  /**
   * Send a message to the others; resolves with its number, 0 where it is not kept. It waits while the connection is cut, unless
   * `keep` is false: then it is for those who are there now.
   */
  send(event: string, data?: D, options?: { keep?: boolean | undefined }): Promise<number>;
  /** Change what the others see of this one; resolves when they are sent it, or will be with the next connection. */
  changeState(state: S): Promise<void>;
  /** Leave it; loops end. */
  leave(): void;
}

interface Sending {
  message: object;
  isSent: boolean;
  resolve(answer: { seq?: number }): void;
  reject(error: unknown): void;
}

interface Active {
  readonly joined: JoinedChannel;
  begin(): void;
  take(message: any): void;
  cut(): void;
  over(error?: HinterlandError): void;
}

export function socketChannels(clock: Clock, random: Random, post: (message: object) => void, isReady: () => boolean) {
  const all = new Map<string, Active>();
  const ids = new Map<string, Active>(); // of messages that are answered
  let number = 0;

  function made(name: string, options: ChannelOptions<any>): Active {
    const views = listeners<ChannelView>();
    const received = readers<ChannelMessage>(MOST_WAITING, true);
    const sending = new Map<string, Sending>();
    const own = new Set<number>(); // the numbers of what was sent from here
    let view: ChannelView = { isJoined: false, member: "", members: [], error: undefined };
    let { state = null } = options;
    let last = 0; // the number of the last message of another
    let joining = "", failures = 0;
    let stopTimer = () => {};

    const move = (next: Partial<ChannelView>) => views.notify(view = { ...view, ...next });

    function named(): string {
      const id = `k${++number}`;
      ids.set(id, active);
      return id;
    }

    function begin() {
      stopTimer();
      if (joining || view.isJoined || !isReady()) return;
      joining = named();
      post({ type: "join", id: joining, channel: name, state, history: view.member ? undefined : options.history });
    }

    function deliver({ event, data = null, user = null, member, at, seq = 0 }: Partial<ChannelMessage> & { event: string }) {
      last = Math.max(last, seq);
      received.put({ event, data, user, member: member!, at: at!, seq });
    }

    function pump() {
      for (const [id, each] of view.isJoined ? sending : []) {
        if (each.isSent) continue;
        each.isSent = true;
        ids.set(id, active);
        post({ ...each.message, id });
      }
    }

    /** Send a message, and return what the server answers. */
    async function answerTo(message: object): Promise<{ seq?: number }> {
      if (sending.size >= MOST_WAITING) throw queueFull();
      return new Promise((resolve, reject) => {
        sending.set(`k${++number}`, { message, isSent: false, resolve, reject });
        pump();
      });
    }

    function present({ joined = [], changed = [], left = [] }: Partial<Record<string, any[]>>) {
      const come = [...joined, ...changed];
      const gone = new Set([...left, ...come.map(({ member }) => member)]);
      move({ members: [...view.members.filter(({ member }) => !gone.has(member)), ...come] });
    }

    function cut() {
      joining = "";
      for (const [id, { isSent, reject }] of sending) {
        if (isSent && sending.delete(id)) reject(failure("connection_lost"));
      }
      if (view.isJoined) move({ isJoined: false });
    }

    function over(error?: HinterlandError) {
      stopTimer();
      if (isReady() && (view.isJoined || joining)) post({ type: "leave", id: named(), channel: name });
      all.delete(name);
      joining = "";
      for (const { reject } of sending.values()) reject(error ?? failure("closed"));
      received.end(error);
      sending.clear();
      move({ isJoined: false, members: [], error });
    }

    function refused(problem: Problem) {
      const error = errorOf(problem);
      if (!mayPass(error)) return over(error);
      cut();
      stopTimer = clock.after(reconnectWait(failures++, random, error.retryAfter), begin);
    }

    const active: Active = {
      begin, cut, over,
      take(message) {
        const { type, id = "", error } = message;
        const sent = sending.get(id);
        ids.delete(id);
        if (sent && sending.delete(id)) {
          if (message.seq) own.add(message.seq);
          return error ? sent.reject(errorOf(error)) : sent.resolve(message);
        }
        if (type === "joined" && id === joining) {
          joining = "";
          failures = 0;
          move({ isJoined: true, member: message.member, members: message.members });
          for (const each of message.history) if (each.seq > last && !own.has(each.seq)) deliver(each);
          pump();
        } else if (error && (type === "left" || id === joining)) {
          joining = "";
          view = { ...view, isJoined: false };
          refused(error);
        } else if (type === "message") deliver(message);
        else if (type === "presence") present(message);
      },
      joined: {
        name,
        get state() {
          return view;
        },
        subscribe: views.add,
        messages: {
          [Symbol.asyncIterator]() {
            const loop = received.loop();
            if (!all.has(name)) loop.end(view.error);
            return loop.values;
          },
        },
        listen: received.listen,
        async send(event, data = null, { keep = true } = {}) {
          if (!all.has(name)) throw view.error ?? failure("closed", { advice: "Join the channel again." });
          if (!keep && !view.isJoined) return 0;
          const { seq = 0 } = await answerTo({ type: "send", channel: name, event, data, ...(keep ? {} : { keep }) });
          return seq;
        },
        async changeState(next) {
          const before = state;
          state = next;
          if (!view.isJoined) return; // it is joined with this state
          try {
            await answerTo({ type: "state", channel: name, state });
          } catch (error) {
            if ((error as HinterlandError).code === "connection_lost") return; // it is joined again with it
            state = before;
            throw error;
          }
          const members = view.members.map((each) => (each.member === view.member ? { ...each, state: next } : each));
          move({ members });
        },
        leave: () => all.has(name) && over(),
      },
    };
    return active;
  }

  return {
    join(name: string, options: ChannelOptions<any> = {}): JoinedChannel {
      let active = all.get(name);
      if (!active) {
        all.set(name, active = made(name, options));
        active.begin();
      }
      return active.joined;
    },
    /** Whether the message was of a channel. */
    take(message: ServerMessage & { channel?: string }): boolean {
      const active = message.channel === undefined ? ids.get(message.id!) : all.get(message.channel);
      active?.take(message);
      return !!active || message.channel !== undefined;
    },
    begin() {
      for (const each of all.values()) each.begin();
    },
    cut() {
      ids.clear();
      for (const each of all.values()) each.cut();
    },
    end(error: () => HinterlandError) {
      for (const each of [...all.values()]) each.over(error());
    },
  };
}
