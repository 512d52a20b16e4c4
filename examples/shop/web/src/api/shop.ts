/** The shop's backend: one client for the page, and the records that it reads and writes. */

import { type Client, createClient, HinterlandError, InvalidResponse, type Layer, NetworkError, type User as Account } from "hinterland";
import { apiUrl } from "../config.ts";

export type Id = string | number;

interface Stored {
  id: Id;
  created_at: string;
  updated_at: string;
}

export interface User extends Account {
  name: string;
  email: string;
  created_at?: string;
}

export interface Product extends Stored {
  name: string;
  price: number | null;
  category: string | null;
  stock: number | null;
}

export interface Post extends Stored {
  title: string;
  body: string | null;
  author: string | null;
}

export interface Entry extends Stored {
  title: string;
  owner: string;
  members: readonly string[];
  done: boolean | null;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
  readonly total?: number | null;
}

/** A shopper can't change a server; its operator looks in the console. */
const explain: Layer = async (request, send) => {
  try {
    return await send(request);
  } catch (error) {
    if (error instanceof NetworkError) {
      console.error(
        `Can't reach ${client.url}. If the server runs, its log names this page's origin (${location.origin}) and the ` +
          "setting that allows it (cors_origins).",
      );
    } else if (error instanceof InvalidResponse) {
      console.error(`${client.url} answered with ${error.found}. Does this address belong to a Hinterland server?`);
    }
    throw error;
  }
};

function connect(): Client | HinterlandError {
  try {
    return createClient({ url: apiUrl, options: { deadline: 15, read: 15 }, layers: [explain] });
  } catch (error) {
    if (error instanceof HinterlandError) return error;
    throw error;
  }
}

const connected = connect();

/** Why this page can't call any server: the address that it was given is none. */
export const wrongAddress = connected instanceof HinterlandError ? connected : null;
export const client = connected as Client;

/** CEL: every word stands in the name or the category, whatever its case. The words become string literals. */
function searchFilter(search: string): string {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const holds = (field: string, word: string) => `record.${field}.lowerAscii().contains(${JSON.stringify(word)})`;
  return words.map((word) => `(${holds("name", word)} || ${holds("category", word)})`).join(" && ");
}

export const products = {
  /** `cursor` is the `next` of the page before. */
  list: (search: string, cursor?: string, signal?: AbortSignal) => {
    const filter = searchFilter(search) || undefined;
    return client.collection<Product>("products").list({ limit: 24, sort: "name", total: true, filter, cursor }, { signal });
  },
};

export const posts = {
  /** Newest first; `cursor` is the `next` of the page before. */
  list: (cursor?: string, signal?: AbortSignal) =>
    client.collection<Post>("posts").list({ limit: 50, sort: "-created_at", total: true, cursor }, { signal }),
  create: (draft: Pick<Post, "title" | "body" | "author">) => client.collection<Post>("posts").create(draft),
  change: (id: Id, change: Partial<Pick<Post, "title" | "body">>) => client.collection<Post>("posts").update(id, change),
  delete: (id: Id) => client.collection<Post>("posts").delete(id),
};

export const entries = {
  /** What is open first, then the newest; `cursor` is the `next` of the page before. */
  list: (cursor?: string, signal?: AbortSignal) =>
    client.collection<Entry>("lists").list({ limit: 100, sort: "done,-created_at", total: true, cursor }, { signal }),
  create: (draft: Pick<Entry, "title" | "owner" | "members" | "done">) => client.collection<Entry>("lists").create(draft),
  change: (id: Id, change: Partial<Pick<Entry, "title" | "done">>) => client.collection<Entry>("lists").update(id, change),
  /** The server adds the member, so that two people who share at once both succeed. */
  share: (id: Id, member: string) => client.collection<Entry>("lists").update(id, { members: { $add: [member] } }),
  delete: (id: Id) => client.collection<Entry>("lists").delete(id),
};

export const members = {
  /** Another member's name; null where nobody has this id. */
  async find(id: string): Promise<Pick<User, "id" | "name"> | null> {
    try {
      return await client.collection<User>("users").get(id);
    } catch (error) {
      // An id of a form that no record has is not found either.
      if (error instanceof HinterlandError && error.isDecided && error.code === "not_found") return null;
      throw error;
    }
  },
};
