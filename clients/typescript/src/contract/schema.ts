/** Collections as the server describes them (`GET /v1/schema`). */

export type Merge = "newest" | "server" | "counter" | "set";

/** A field: its `kind` and the limits of its values. */
export interface FieldSchema {
  readonly kind: string;
  readonly required?: boolean;
  readonly unique?: boolean;
  readonly index?: boolean;
  readonly read?: string;
  readonly write?: "" | "admin";
  readonly fill?: "" | "auth.id";
  readonly default?: unknown;
  readonly merge?: Merge;
  readonly read_access?: Access;
  readonly min_length?: number;
  readonly max_length?: number;
  readonly format?: "" | "email" | "url";
  readonly choices?: readonly string[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly of?: FieldSchema;
  readonly max_items?: number;
  /** Of an `object`: its members. */
  readonly fields?: Readonly<Record<string, FieldSchema>>;
  /** Of a `reference`: the collection, "" where the reader may not know it, and what its records' deletion does. */
  readonly to?: string;
  readonly on_delete?: "restrict" | "cascade" | "set_null";
  readonly ids?: "string" | "integer";
  /** UTF-8 bytes that a value may have because an index holds it; for `bytes`, of the decoded value. */
  readonly max_bytes?: number;
}

/** Whom a rule lets pass: everybody, all who are signed in, administrators, or it depends on caller and record. */
export type Access = "everybody" | "signed_in" | "admin" | "rule";
export type Action = "list" | "view" | "create" | "update" | "delete";

/** A collection: its fields in their order, and what decides how its records are named. */
export interface CollectionSchema {
  readonly name: string;
  readonly fields?: Readonly<Record<string, FieldSchema>>;
  readonly ids?: "string" | "integer";
  readonly parent?: string;
  readonly indexes?: readonly (readonly string[])[];
  readonly is_open?: boolean;
  readonly fingerprint?: string;
  /** Kinds of writes that the app's code may change before they are checked: then only the server can refuse one. */
  readonly hooks?: readonly ("create" | "update" | "delete")[];
  readonly access?: Readonly<Record<Action, Access>>;
  /** CEL expressions, where the reader may know them. */
  readonly rules?: Readonly<Partial<Record<Action, string>>>;
}

/** An app, as far as its reader may know it; `fingerprint` changes with everything else in it. */
export interface AppSchema {
  readonly api: number;
  readonly name: string;
  readonly fingerprint: string;
  readonly audience: "everybody" | "admin";
  readonly log_days: number;
  readonly password_min_length: number;
  readonly limits: Readonly<Record<string, number>>;
  readonly collections: readonly CollectionSchema[];
}

/** What a record begins with on the wire. */
export const HEAD = ["id", "created_at", "updated_at", "revision"] as const;
/** What expressions, lists and queries know beside the fields. */
export const META: readonly string[] = [...HEAD, "parent"];
