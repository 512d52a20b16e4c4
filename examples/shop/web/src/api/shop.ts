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
  members: readonly string[] | null;
  done: boolean | null;
}

/** A shopper can't change a server; its operator looks in the console. */
const explain: Layer = async (request, send) => {
  try {
    return await send(request);
  } catch (error) {
    if (error instanceof NetworkError) {
      const advice = new URL(client.url).origin === location.origin ? "" :
        ` If the server runs, its log names this page's origin (${location.origin}) and the setting that allows it (cors_origins).`;
      console.error(`Can't reach ${client.url}.${advice}`);
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
