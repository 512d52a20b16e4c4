import { createRoot } from "react-dom/client";
import { type GraphQL, graphql, type GraphQLDocument } from "../../src/graphql/index.js";
import { createClient } from "../../src/index.js";
import { openLocal } from "../../src/offline/index.js";
import { type MutationQueue, mutationQueue } from "../../src/queue/index.js";
import { useGraphQL, useQueuedMutation } from "../../src/react/index.js";

interface Note {
  __typename?: "Note";
  id: string;
  title: string;
}

const ONE: GraphQLDocument<{ note: Note | null }, { id: string }> = "query One($id: ID!) { note(id: $id) { id title } }";
const CREATE: GraphQLDocument<{ createNote: Note }, { title: string }> =
  "mutation Create($title: String!) { createNote(input: {title: $title}) { id title } }";
const RENAME: GraphQLDocument<{ updateNote: Note }, { id: string; title: string }> =
  "mutation Rename($id: ID!, $title: String!) { updateNote(id: $id, patch: {title: $title}) { id title } }";

function Title({ api, queue, id }: { api: GraphQL; queue: MutationQueue; id: string }) {
  const { data } = useGraphQL(api, ONE, { id });
  const [rename, { waiting, failed, error }] = useQueuedMutation(queue, RENAME);
  const act = (title: string) =>
    rename({ id, title }, { optimistic: { updateNote: { __typename: "Note", id, title: `${title}, expected` } } });
  return (
    <main>
      <output id="title">{data?.note?.title}</output>
      <output id="waiting">{waiting.length}</output>
      <output id="failed">{failed.map(({ problem }) => `${problem!.code} ${Object.keys(problem!.errors ?? {})}`).join()}</output>
      <output id="error">{error?.code}</output>
      <button id="rename" onClick={() => void act("written")}>Rename</button>
      <button id="empty" onClick={() => void act("")}>Empty</button>
      <button id="correct" onClick={() => void correct(failed[0]!.id)}>Correct</button>
      <button id="discard" onClick={() => void queue.discard(failed[0]!.id)}>Discard</button>
    </main>
  );

  async function correct(mutation: string) {
    await queue.edit(mutation, { id, title: "corrected" });
    await queue.retry(mutation);
  }
}

async function start(name?: string, id?: string) {
  const client = createClient();
  if (name) await client.auth.signUp({ name, email: `${name}@example.org`, password: "7 lean oysters" });
  const local = await openLocal(client, { collections: ["notes"] });
  const api = graphql(client, { keep: "results" });
  const queue = mutationQueue(api, local);
  local.sync.start();
  id ??= (await queue.mutate(CREATE, { title: "first" })).data.createNote.id;
  createRoot(document.body.appendChild(document.createElement("div"))).render(<Title {...{ api, queue, id }} />);
  window.queued = { api, local };
  return id;
}

declare global {
  interface Window {
    startQueue: typeof start;
    queued: { api: GraphQL; local: Awaited<ReturnType<typeof openLocal>> };
  }
}
window.startQueue = start;
