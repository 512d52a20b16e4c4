/** node clients.mjs URL CLIENT: what a client of npm is answered, as JSON: a query, a mutation, an error and, where it has
 * them, what a subscription hears. */

import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { OperationTypeNode } from "graphql";
import { Client, cacheExchange, fetchExchange, subscriptionExchange } from "@urql/core";
import { GraphQLClient } from "graphql-request";
import { createClient } from "graphql-ws";
import relay from "relay-runtime";
import WebSocket from "ws";
import { feed } from "./relay_feed.mjs";
import { changes, found } from "./relay_live.mjs";

const [url, name] = process.argv.slice(2);
const CREATE = "mutation Create($title: String) { createPost(input: {title: $title}) { id title } }";
const LIST = "query List($title: String) { posts(where: {title: {eq: $title}}) { id title } }";
const FOLLOW = 'subscription Follow { posts(where: {title: {ne: "no"}}) { kind record { id title } } }';
const sockets = () => createClient({ url: url.replace("http", "ws"), webSocketImpl: WebSocket, lazy: false });
/** The event of the post "One", which `create` makes once the subscription hears what is made. */
const heardOf = async (follow, create) => {
  const events = [];
  let isNew;
  let news = new Promise((resolve) => (isNew = resolve));
  follow((data) => {
    events.push(data.posts);
    isNew();
    news = new Promise((resolve) => (isNew = resolve));
  });
  while (!events.length) await create("ping");
  const made = await create("One");
  const isOf = (changes) => changes.some(({ record }) => record.title === "One");
  while (!events.some(isOf)) await news;
  return { made, event: events.find(isOf) };
};

async function apollo() {
  const socket = sockets();
  const link = ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    new GraphQLWsLink(socket),
    new HttpLink({ uri: url }),
  );
  const client = new ApolloClient({ link, cache: new InMemoryCache() });
  const mutate = (title) => client.mutate({ mutation: gql(CREATE), variables: { title }, errorPolicy: "all" });
  const { made, event } = await heardOf(
    (hear) => client.subscribe({ query: gql(FOLLOW) }).subscribe(({ data }) => hear(data)),
    async (title) => (await mutate(title)).data.createPost,
  );
  const refused = (await mutate(null)).error.errors[0].extensions;
  const query = { query: gql(LIST), variables: { title: "One" } };
  const listed = (await client.query(query)).data.posts;
  const cached = (await client.query({ ...query, fetchPolicy: "cache-only" })).data.posts;
  client.stop();
  await socket.dispose();
  return { made, refused, listed, cached, event };
}

async function urql() {
  const socket = sockets();
  const forwardSubscription = ({ query, variables }) => ({
    subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
  });
  const exchanges = [cacheExchange, fetchExchange, subscriptionExchange({ forwardSubscription })];
  const client = new Client({ url, exchanges, preferGetMethod: false });
  const { made, event } = await heardOf(
    (hear) => client.subscription(FOLLOW, {}).subscribe(({ data }) => hear(data)),
    async (title) => (await client.mutation(CREATE, { title })).data.createPost,
  );
  const refused = (await client.mutation(CREATE, { title: null })).error.graphQLErrors[0].extensions;
  const listed = (await client.query(LIST, { title: "One" })).data.posts;
  const cached = (await client.query(LIST, { title: "One" }, { requestPolicy: "cache-only" })).data.posts;
  await socket.dispose();
  return { made, refused, listed, cached, event };
}

async function request() {
  const client = new GraphQLClient(url);
  const made = (await client.request(CREATE, { title: "One" })).createPost;
  const refused = await client.request(CREATE, { title: null }).catch((error) => error.response.errors[0].extensions);
  const listed = (await client.request(LIST, { title: "One" })).posts;
  return { made, refused, listed };
}

/** A connection that Relay keeps in its store: page after page is added to it. */
async function paginated() {
  const post = (body) => fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
  const fetchPage = async ({ text }, variables) =>
    (await post(JSON.stringify({ query: text, variables }))).json();
  for (const title of ["a", "b", "c", "d", "e"]) await fetchPage({ text: CREATE }, { title });
  const environment = new relay.Environment({
    network: relay.Network.create(fetchPage),
    store: new relay.Store(new relay.RecordSource()),
  });
  const pages = [];
  let after = null;
  do {
    const operation = relay.createOperationDescriptor(feed, { first: 2, after });
    await relay.fetchQuery(environment, feed, { first: 2, after }).toPromise();
    const { edges, pageInfo, totalCount } = environment.lookup(operation.fragment).data.postsConnection;
    pages.push([edges.map(({ node }) => node.title).join(""), pageInfo.hasNextPage, totalCount]);
    after = pageInfo.hasNextPage ? pageInfo.endCursor : null;
  } while (after);
  return pages;
}

/** A record in Relay's store, which a subscription changes, and one that it says is gone. */
async function live() {
  const post = (query, variables) => fetch(url, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ query, variables }),
  }).then((response) => response.json());
  const socket = sockets();
  const environment = new relay.Environment({
    network: relay.Network.create(
      ({ text }, variables) => post(text, variables),
      ({ text: query }, variables) => relay.Observable.create((sink) => socket.subscribe({ query, variables }, sink)),
    ),
    store: new relay.Store(new relay.RecordSource()),
    getDataID: (data) => data.nodeId,
  });
  const [kept, gone] = await Promise.all(["first", "other"].map(async (title) =>
    (await post("mutation ($title: String) { createPost(input: {title: $title}) { id nodeId } }", { title })).data.createPost));
  const shown = ({ nodeId }) =>
    environment.lookup(relay.createOperationDescriptor(found, { nodeId }).fragment).data.node ?? null;
  for (const { nodeId } of [kept, gone]) await relay.fetchQuery(environment, found, { nodeId }).toPromise();
  const before = [shown(kept), shown(gone)];
  let isNew;
  let news = new Promise((resolve) => (isNew = resolve));
  relay.requestSubscription(environment, {
    subscription: changes,
    variables: {},
    updater: (store, { posts }) => posts.filter(({ kind }) => kind === "delete").forEach((each) => store.delete(each.recordNodeId)),
    onNext: () => {
      isNew();
      news = new Promise((resolve) => (isNew = resolve));
    },
    onError: (error) => { throw error; },
  });
  const patch = "mutation ($id: ID!, $title: String) { updatePost(id: $id, patch: {title: $title}) { revision } }";
  for (let number = 0; shown(kept)?.title === "first"; number++) await post(patch, { id: kept.id, title: `new ${number}` });
  await post(patch, { id: kept.id, title: "last" });
  await post("mutation ($id: ID!) { deletePost(id: $id) }", { id: gone.id });
  while (shown(gone) || shown(kept).title !== "last") await news;
  await socket.dispose();
  return { before, after: [shown(kept), shown(gone)] };
}

const result = await { apollo, urql, request, relay: paginated, live }[name]();
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);
