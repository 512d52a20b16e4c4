import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { type Client, createClient } from "../../src/index.js";
import { type Local, openLocal } from "../../src/offline/index.js";
import { useMutation, useOnline, useOutbox, useQuery, useSession } from "../../src/react/index.js";

interface Post {
  id: string;
  title: string;
  author: string;
}

function Status({ client, local }: { client: Client; local: Local }) {
  const session = useSession(client);
  const isOnline = useOnline(client);
  const waiting = useOutbox(local);
  return (
    <p>
      <output id="session">{session.kind === "signedIn" ? session.user["name"] : session.kind}</output>
      <output id="online">{String(isOnline)}</output>
      <output id="waiting">{waiting.length}</output>
    </p>
  );
}

function Posts({ local }: { local: Local }) {
  const { data, isLoading } = useQuery<Post>(local, "posts", { sort: "title" });
  const [add, { isPending, error }] = useMutation((title: string) => local.collection<Post>("posts").create({ title }));
  const [title, setTitle] = useState("");
  return (
    <form onSubmit={(event) => (event.preventDefault(), void add(title))}>
      <input id="title" value={title} onChange={(event) => setTitle(event.target.value)} />
      <button id="add" disabled={isPending}>Add</button>
      <output id="error">{error?.code}</output>
      <output id="posts">{isLoading ? "loading" : data?.map((post) => post.title).join()}</output>
    </form>
  );
}

function Server({ client }: { client: Client }) {
  const [name, setName] = useState("posts");
  const { data, isLoading, isStale, error, refresh } = useQuery<Post>(client, name, { sort: "-title", limit: 2 });
  window.renders++;
  return (
    <section>
      <button id="refresh" onClick={refresh}>Refresh</button>
      <button id="wrong" onClick={() => setName("nothing")}>Wrong</button>
      <output id="found">{isLoading ? "loading" : isStale ? error?.code : data?.map((post) => post.title).join()}</output>
    </section>
  );
}

function Failing() {
  const [act, { error }] = useMutation((title: string | undefined) => Promise.resolve(title!.trim()));
  return (
    <section>
      <button id="fail" onClick={() => void act(undefined)}>Fail</button>
      <output id="failed">
        {error && `${error.code} ${error.message} ${Object.keys(error.errors).length} ${(error.cause as Error).name}`}
      </output>
    </section>
  );
}

async function start(url: string, name: string): Promise<void> {
  const client = createClient({ url });
  const local = await openLocal(client, { collections: ["posts"] });
  local.sync.start();
  window.client = client;
  window.renders = 0;
  const root = document.body.appendChild(document.createElement("main"));
  createRoot(root).render(
    <StrictMode>
      <Status client={client} local={local} />
      <Posts local={local} />
      <Server client={client} />
      <Failing />
    </StrictMode>,
  );
  await client.auth.signUp({ name, email: `${name}@example.org`, password: "7 lean oysters" });
}

declare global {
  interface Window {
    start: typeof start;
    client: Client;
    renders: number;
  }
}
window.start = start;
