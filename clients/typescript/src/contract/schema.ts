/** The description of collections as the server gives it; what is left out has its default. */

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
  readonly min_length?: number;
  readonly max_length?: number;
  readonly format?: "" | "email" | "url";
  readonly choices?: readonly string[];
  readonly pattern?: string;
  readonly minimum?: number | null;
  readonly maximum?: number | null;
  readonly of?: FieldSchema;
  readonly max_items?: number;
}

/** A collection: its fields in their order, and what decides how its records are named. */
export interface CollectionSchema {
  readonly name: string;
  readonly fields?: Readonly<Record<string, FieldSchema>>;
  readonly ids?: "string" | "integer";
  readonly parent?: string;
  readonly indexes?: readonly (readonly string[])[];
  readonly is_open?: boolean;
}

/** What a record begins with on the wire. */
export const HEAD = ["id", "created_at", "updated_at", "revision"] as const;
/** What expressions, lists and queries know beside the fields. */
export const META: readonly string[] = [...HEAD, "parent"];
