import { createRoot } from "react-dom/client";
import { type Client, createClient } from "../../src/index.js";
import { useQuery, useStore } from "../../src/react/index.js";
import { type Socket, socket } from "../../src/socket/index.js";

interface Post {
  id: string;
  title: string;
}

function Posts({ live }: { live: Socket }) {
  const { data } = useQuery<Post>(live, "posts", { sort: "-title", limit: 2 });
  const state = useStore(live.connection);
  return (
    <p>
      <output id="state">{state}</output>
      <output id="posts">{data?.map(({ title }) => title).join()}</output>
    </p>
  );
}

async function start(url: string): Promise<void> {
  const client = createClient({ url });
  await client.auth.signUp({ name: "Ada", email: "ada@example.org", password: "7 lean oysters" });
  const live = socket(client);
  window.connected = { client, live, titles: [], kinds: [] };
  createRoot(document.body.appendChild(document.createElement("main"))).render(<Posts live={live} />);
  for await (const { kind, items, changes } of live.subscribe<Post>("posts", { limit: 1_000 })) {
    window.connected.kinds.push(kind);
    for (const { title } of items) window.connected.titles.push(title);
    for (const { record } of changes) window.connected.titles.push(record!.title);
  }
}

declare global {
  interface Window {
    startSocket: typeof start;
    connected: { client: Client; live: Socket; titles: string[]; kinds: string[] };
  }
}
window.startSocket = start;
