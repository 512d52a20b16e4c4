/** Over what the server reports changes. */

import type { Client, EventOptions, LiveEvent } from "hinterland";
import type { LiveWay } from "../config.ts";

type Events = Client["events"];

const all = (names: string | readonly string[]): readonly string[] => [names].flat();

/** The same events over a WebSocket. */
async function overSocket(client: Client): Promise<Events> {
  const { socket } = await import("hinterland/socket");
  const live = socket(client);
  return (<T>(names: string | readonly string[], options?: EventOptions) => live.subscribe<T>(all(names), options)) as Events;
}

/** Subscriptions of GraphQL, one for each collection, which say that there is something to read. */
async function overGraphQL(client: Client): Promise<Events> {
  const { graphql } = await import("hinterland/graphql");
  const api = graphql(client);
  return async function* events(names, options) {
    const heard: LiveEvent[] = [];
    let failed: { error: unknown } | undefined;
    let running = 0;
    let wake = () => {};
    const tell = ({ kind, cursor, reason }: Pick<LiveEvent, "kind" | "cursor" | "reason">) => {
      heard.push({ kind, cursor, reason, revision: 0, changes: [] });
      wake();
    };
    async function follow(name: string) {
      running += 1;
      try {
        const { cursor, signal } = options ?? {};
        const changes = api.subscribe(`subscription { ${name} { kind id } }`, {}, { cursor, signal });
        for await (const { kind, ...event } of changes) tell({ ...event, kind: kind === "next" ? "ready" : kind });
      } catch (error) {
        failed = { error };
      }
      running -= 1;
      wake();
    }
    tell({ kind: "ready", cursor: "", reason: "" });
    for (const name of all(names)) void follow(name);
    while (running > 0 || heard.length > 0) {
      for (const event of heard.splice(0)) yield event;
      if (failed) throw failed.error;
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (heard.length > 0 || running === 0) resolve();
      });
    }
  } as Events;
}

/** The client whose live events come that way. */
export async function listening(client: Client, way: LiveWay): Promise<Client> {
  if (way === "events") return client;
  const events = await (way === "socket" ? overSocket : overGraphQL)(client);
  return Object.create(client, { events: { value: events } }) as Client;
}
