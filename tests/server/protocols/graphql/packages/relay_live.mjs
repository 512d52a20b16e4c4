/** A record by its node id, and the changes of posts, as relay-compiler writes them with `nodeInterfaceIdField: "nodeId"` of
 *  query Found($nodeId: ID!) { node(nodeId: $nodeId) { ... on Post { title } } }
 *  subscription Changes { posts { kind recordNodeId record { title } } } */

const scalar = (name) => ({ alias: null, args: null, kind: "ScalarField", name, storageKey: null });
const linked = (name, concreteType, plural, selections, args = null) => ({
  alias: null, args, concreteType, kind: "LinkedField", name, plural, selections, storageKey: null,
});
const request = (name, operationKind, type, argumentDefinitions, read, normalized, text) => ({
  fragment: { abstractKey: null, argumentDefinitions, kind: "Fragment", metadata: null, name, selections: read, type },
  kind: "Request",
  operation: { argumentDefinitions, kind: "Operation", name, selections: normalized },
  params: { cacheID: name, id: null, metadata: {}, name, operationKind, text },
});
const onPost = { abstractKey: null, kind: "InlineFragment", selections: [scalar("title")], type: "Post" };
const byNodeId = [{ kind: "Variable", name: "nodeId", variableName: "nodeId" }];

export const found = request(
  "Found",
  "query",
  "Query",
  [{ defaultValue: null, kind: "LocalArgument", name: "nodeId" }],
  [linked("node", null, false, [onPost], byNodeId)],
  [linked("node", null, false, [scalar("__typename"), onPost, scalar("nodeId")], byNodeId)],
  "query Found($nodeId: ID!) { node(nodeId: $nodeId) { __typename ... on Post { title } nodeId } }",
);

const facts = [scalar("kind"), scalar("recordNodeId")];
export const changes = request(
  "Changes",
  "subscription",
  "Subscription",
  [],
  [linked("posts", "PostChange", true, [...facts, linked("record", "Post", false, [scalar("title")])])],
  [linked("posts", "PostChange", true, [...facts, linked("record", "Post", false, [scalar("title"), scalar("nodeId")])])],
  "subscription Changes { posts { kind recordNodeId record { title nodeId } } }",
);
