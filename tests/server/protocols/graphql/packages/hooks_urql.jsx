import { useMemo } from "react";
import { cacheExchange, Client, fetchExchange, Provider, subscriptionExchange, useMutation, useQuery, useSubscription } from "urql";
import { ADDRESS, CREATE, FOLLOW, lastOf, LIST, RENAME, show, sockets } from "./hooks_page.jsx";

const forwardSubscription = ({ query, variables }) => ({
  subscribe: (sink) => ({ unsubscribe: sockets.subscribe({ query, variables }, sink) }),
});
const client = new Client({
  url: ADDRESS, preferGetMethod: false,
  exchanges: [cacheExchange, fetchExchange, subscriptionExchange({ forwardSubscription })],
});

show(({ children }) => <Provider value={client}>{children}</Provider>, {
  list() {
    const context = useMemo(() => ({ additionalTypenames: ["Post"] }), []); // an empty list names no type
    const [{ data, fetching, error }] = useQuery({ query: LIST, context });
    return { posts: data?.posts ?? [], isLoading: fetching, error };
  },
  create() {
    const [{ error }, act] = useMutation(CREATE);
    return [act, error?.graphQLErrors[0]];
  },
  rename() {
    const [, act] = useMutation(RENAME);
    return [act];
  },
  heard: () => lastOf(useSubscription({ query: FOLLOW })[0].data?.posts),
});
