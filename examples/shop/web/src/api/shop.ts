/** The calls that this page makes, with the shapes of what they send and answer. */

import { ApiError } from "./errors.ts";
import { request, type TokenAnswer } from "./http.ts";

export type Id = string | number;

interface Stored {
  readonly id: Id;
  readonly created_at: string;
  readonly updated_at: string;
}

export interface User {
  readonly id: Id;
  readonly name: string;
  readonly email: string;
  readonly created_at?: string;
}

export interface SignedIn extends TokenAnswer {
  readonly user: User;
}

export interface Product extends Stored {
  readonly name: string;
  readonly price: number | null;
  readonly category: string | null;
  readonly stock: number | null;
}

export interface Post extends Stored {
  readonly title: string;
  readonly body: string | null;
  readonly author: string | null;
}

export interface Entry extends Stored {
  readonly title: string;
  readonly owner: string;
  readonly members: readonly string[];
  readonly done: boolean | null;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
  readonly total?: number;
}

export type PostDraft = Pick<Post, "title" | "body" | "author">;
export type EntryDraft = Pick<Entry, "title" | "owner" | "members" | "done">;

const at = (path: string, id: Id): string => `${path}/${encodeURIComponent(id)}`;

export const account = {
  signUp: (form: { name: string; email: string; password: string }) =>
    request<SignedIn>("/api/signup", { method: "POST", body: form, open: true }),
  logIn: (form: { email: string; password: string }) =>
    request<SignedIn>("/api/login", { method: "POST", body: form, open: true }),
  logOut: () => request<void>("/auth/logout", { method: "POST" }),
  me: (signal?: AbortSignal) => request<User>("/api/user", signal ? { signal } : {}),
};

/** CEL: every word stands in the name or the category, whatever its case. The words become string literals. */
function searchFilter(search: string): string {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const holds = (field: string, word: string) => `record.${field}.lowerAscii().contains(${JSON.stringify(word)})`;
  return words.map((word) => `(${holds("name", word)} || ${holds("category", word)})`).join(" && ");
}

export interface ProductQuery {
  readonly search: string;
  /** The `next` of the page before. */
  readonly cursor?: string;
}

export const products = {
  list: ({ search, cursor }: ProductQuery, signal?: AbortSignal) =>
    request<Page<Product>>("/v1/records/products", {
      query: { limit: 24, sort: "name", total: "true", filter: searchFilter(search), cursor },
      ...(signal && { signal }),
    }),
};

export const posts = {
  /** Newest first; `cursor` is the `next` of the page before. */
  list: (cursor?: string, signal?: AbortSignal) =>
    request<Page<Post>>("/v1/records/posts", {
      query: { limit: 50, sort: "-created_at", total: "true", cursor },
      ...(signal && { signal }),
    }),
  create: (draft: PostDraft) => request<Post>("/posts", { method: "POST", body: draft }),
  change: (id: Id, change: Partial<PostDraft>) => request<Post>(at("/posts", id), { method: "PATCH", body: change }),
  delete: (id: Id) => request<void>(at("/posts", id), { method: "DELETE" }),
};

const LISTS = "/v1/records/lists";

export const entries = {
  /** What is open first, then the newest; `cursor` is the `next` of the page before. */
  list: (cursor?: string, signal?: AbortSignal) =>
    request<Page<Entry>>(LISTS, {
      query: { limit: 100, sort: "done,-created_at", total: "true", cursor },
      ...(signal && { signal }),
    }),
  create: (draft: EntryDraft) => request<Entry>(LISTS, { method: "POST", body: draft }),
  change: (id: Id, change: Partial<EntryDraft>) => request<Entry>(at(LISTS, id), { method: "PATCH", body: change }),
  /** The server adds the member, so that two people who share at once both succeed. */
  share: (id: Id, member: string) =>
    request<Entry>(at(LISTS, id), { method: "PATCH", body: { members: { $add: [member] } } }),
  delete: (id: Id) => request<void>(at(LISTS, id), { method: "DELETE" }),
};

export const members = {
  /** Another member's name; null where nobody has this id. */
  async find(id: string): Promise<Pick<User, "id" | "name"> | null> {
    try {
      return await request<Pick<User, "id" | "name">>(at("/v1/records/users", id));
    } catch (error) {
      if (error instanceof ApiError && error.code === "not_found") return null;
      throw error;
    }
  },
};
