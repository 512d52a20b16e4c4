/** A query with a connection, as relay-compiler writes it of
 *  query Feed($first: Int, $after: String) {
 *    postsConnection(first: $first, after: $after, sort: [title_ASC]) @connection(key: "Feed_postsConnection") {
 *      totalCount edges { node { id title } } } } */

const variable = (name) => ({ kind: "Variable", name, variableName: name });
const scalar = (name) => ({ alias: null, args: null, kind: "ScalarField", name, storageKey: null });
const linked = (name, concreteType, plural, selections, args = null) => ({
  alias: null, args, concreteType, kind: "LinkedField", name, plural, selections, storageKey: null,
});
const definitions = ["after", "first"].map((name) => ({ defaultValue: null, kind: "LocalArgument", name }));
const sort = { kind: "Literal", name: "sort", value: ["title_ASC"] };
const args = [variable("after"), variable("first"), sort];
const selections = [
  scalar("totalCount"),
  linked("edges", "PostEdge", true, [
    linked("node", "Post", false, [scalar("id"), scalar("title"), scalar("__typename")]),
    scalar("cursor"),
  ]),
  linked("pageInfo", "PageInfo", false, [scalar("endCursor"), scalar("hasNextPage")]),
];
const stored = {
  ...linked("__Feed_postsConnection_connection", "PostConnection", false, selections, [sort]),
  alias: "postsConnection",
  storageKey: '__Feed_postsConnection_connection(sort:["title_ASC"])',
};

export const feed = {
  fragment: {
    argumentDefinitions: definitions, kind: "Fragment", metadata: null, name: "Feed", selections: [stored], type: "Query",
    abstractKey: null,
  },
  kind: "Request",
  operation: {
    argumentDefinitions: definitions,
    kind: "Operation",
    name: "Feed",
    selections: [
      linked("postsConnection", "PostConnection", false, selections, args),
      {
        alias: null, args, filters: ["sort"], handle: "connection", key: "Feed_postsConnection", kind: "LinkedHandle",
        name: "postsConnection",
      },
    ],
  },
  params: {
    cacheID: "feed",
    id: null,
    metadata: { connection: [{ count: "first", cursor: "after", direction: "forward", path: ["postsConnection"] }] },
    name: "Feed",
    operationKind: "query",
    text: `query Feed($after: String, $first: Int) {
      postsConnection(after: $after, first: $first, sort: [title_ASC]) {
        totalCount edges { node { id title __typename } cursor } pageInfo { endCursor hasNextPage } } }`,
  },
};
