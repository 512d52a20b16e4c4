// Compiled by the strictest settings against the built package: documents as code generators make them.
import type { DocumentTypeDecoration, TypedDocumentNode } from "@graphql-typed-document-node/core";
import { type GraphQL, graphql, type GraphQLDocument, type GraphQLEvent, type GraphQLState } from "hinterland/graphql";
import { useGraphQL, useMutation } from "hinterland/react";
import type { Client } from "hinterland";

interface Note {
  id: string;
  title: string;
}

/** Whether two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;
const is = <T extends true>(): T | void => {};

/** A text with types, as GraphQL Code Generator writes it by `documentMode: "string"`. */
class TypedDocumentString<R, V> extends String implements DocumentTypeDecoration<R, V> {
  declare __apiType?: NonNullable<DocumentTypeDecoration<R, V>["__apiType"]>;
}

declare const LIST: TypedDocumentNode<{ notes: Note[] }, { word?: string | null }>;
declare const ONE: TypedDocumentNode<{ note: Note | null }, { id: string }>;
declare const ALL: TypedDocumentNode<{ notes: Note[] }, { [name: string]: never }>;
declare const CREATE: TypedDocumentNode<{ createNote: Note }, { title: string }>;
declare const FOLLOW: TypedDocumentNode<{ notes: { kind: string; record: Note | null }[] }, { word: string }>;
const TEXT = new TypedDocumentString<{ note: Note | null }, { id: string }>("query One($id: ID!) { note(id: $id) { id title } }");

export async function use(client: Client): Promise<void> {
  const api: GraphQL = graphql(client, { persisted: true });
  const one = await api.query(ONE, { id: "1" }, { policy: "cache-and-network" });
  is<Same<typeof one.data, { note: Note | null }>>();
  const text = await api.query(TEXT, { id: "1" });
  is<Same<typeof text.data, { note: Note | null }>>();
  const list = await api.query(LIST);
  is<Same<typeof list.data.notes, Note[]>>();
  is<Same<Awaited<ReturnType<typeof api.query<{ a: 1 }, {}>>>["data"], { a: 1 }>>();
  await api.query(LIST, { word: "Milk" });
  await api.query(ALL);
  // @ts-expect-error variables without a default are needed
  await api.query(ONE);
  // @ts-expect-error a variable has its type
  await api.query(ONE, { id: true });
  // @ts-expect-error a variable has its name
  await api.query(ONE, { id: "1", titel: "Milk" });
  // @ts-expect-error a result has the fields that the document asks for
  one.data.titel;

  const made = await api.mutate(CREATE, { title: "Milk" }, { optimistic: { createNote: { id: "new", title: "Milk" } } });
  is<Same<typeof made.data.createNote, Note>>();
  // @ts-expect-error the expected result has the type of the result
  await api.mutate(CREATE, { title: "Milk" }, { optimistic: { createNote: { id: 1 } } });
  // @ts-expect-error a mutation's variables have their types
  await api.mutate(CREATE, { title: 7 });

  for await (const event of api.subscribe(FOLLOW, { word: "Milk" }, { cursor: "" })) {
    is<Same<typeof event, GraphQLEvent<{ notes: { kind: string; record: Note | null }[] }>>>();
  }
  // @ts-expect-error a subscription's variables are needed
  api.subscribe(FOLLOW);

  const watched = api.watch(ONE, { id: "1" });
  is<Same<typeof watched.state, GraphQLState<{ note: Note | null }>>>();
  watched.subscribe(({ data }) => data?.note?.title satisfies string | undefined);
  // @ts-expect-error what is watched has variables with types
  api.watch(ONE, { id: 1 });

  const anything = await api.query("{ anything }", { any: "thing" });
  is<Same<typeof anything.data, any>>();
  const named: GraphQLDocument<{ note: Note }, { id: string }> = "query One($id: ID!) { note(id: $id) { id title } }";
  (await api.query(named, { id: "1" })).data.note satisfies Note;
}

export function Component({ api }: { api: GraphQL }): string {
  const { data, refresh } = useGraphQL(api, ONE, { id: "1" });
  is<Same<typeof data, { note: Note | null } | undefined>>();
  is<Same<typeof refresh, () => void>>();
  // @ts-expect-error a hook's variables have their types
  useGraphQL(api, ONE, { id: 1 });
  // @ts-expect-error a hook's variables are needed
  useGraphQL(api, ONE);
  const [create, creating] = useMutation((title: string) => api.mutate(CREATE, { title }));
  void create("Milk");
  is<Same<NonNullable<typeof creating.data>["data"], { createNote: Note }>>();
  return data?.note?.title ?? "";
}
