import { createRoot } from "react-dom/client";
import { type GraphQL, graphql, type GraphQLDocument } from "../../src/graphql/index.js";
import { type Client, createClient } from "../../src/index.js";
import { useGraphQL } from "../../src/react/index.js";

interface Post {
  id: string;
  title: string;
}

const LIST: GraphQLDocument<{ posts: Post[] }, { limit: number }> =
  "query List($limit: Int!) { posts(sort: [title_ASC], limit: $limit) { id title } }";

function Posts({ api }: { api: GraphQL }) {
  const { data, error } = useGraphQL(api, LIST, { limit: 3 });
  return <output id="posts">{data ? data.posts.map(({ title }) => title).join() : error?.code}</output>;
}

function start(url: string): Client {
  const client = createClient({ url });
  const api = graphql(client, { keep: "results" });
  window.graph = { client, api, LIST };
  createRoot(document.body.appendChild(document.createElement("main"))).render(<Posts api={api} />);
  return client;
}

declare global {
  interface Window {
    startGraphQL: typeof start;
    graph: { client: Client; api: GraphQL; LIST: typeof LIST };
  }
}
window.startGraphQL = start;
