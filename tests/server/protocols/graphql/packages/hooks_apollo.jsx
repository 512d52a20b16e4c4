import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { ApolloProvider, useMutation, useQuery, useSubscription } from "@apollo/client/react";
import { ADDRESS, CREATE, FOLLOW, lastOf, LIST, RENAME, show, sockets } from "./hooks_page.jsx";

const isSubscription = ({ operationType }) => operationType === "subscription";
const client = new ApolloClient({
  link: ApolloLink.split(isSubscription, new GraphQLWsLink(sockets), new HttpLink({ uri: ADDRESS })),
  cache: new InMemoryCache(),
});

show(({ children }) => <ApolloProvider client={client}>{children}</ApolloProvider>, {
  list() {
    const { data, loading, error } = useQuery(gql(LIST));
    return { posts: data?.posts ?? [], isLoading: loading, error };
  },
  create() {
    const [act, { error }] = useMutation(gql(CREATE), { refetchQueries: ["List"], errorPolicy: "all" });
    return [(variables) => act({ variables }), error?.errors[0]];
  },
  rename() {
    const [act] = useMutation(gql(RENAME));
    return [(variables) => act({ variables })];
  },
  heard: () => lastOf(useSubscription(gql(FOLLOW)).data?.posts),
});
