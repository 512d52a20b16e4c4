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

const found = await { apollo, urql, request, relay: paginated }[name]();
process.stdout.write(`${JSON.stringify(found)}\n`);
process.exit(0);
