/** The page that both clients' hooks show: posts, a form, and the last that a subscription has brought. */

import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { createClient } from "graphql-ws";

export const LIST = "query List { posts(sort: [created_at_DESC], limit: 20) { id title } }";
export const CREATE = "mutation Create($title: String) { createPost(input: {title: $title}) { id title } }";
export const RENAME = "mutation Rename($id: ID!, $title: String!) { updatePost(id: $id, patch: {title: $title}) { id title } }";
export const FOLLOW = "subscription Follow { posts { kind record { id title } } }";
export const ADDRESS = new URL("/graphql", location.href).href;
export const sockets = createClient({ url: ADDRESS.replace("http", "ws"), retryAttempts: 100 });

/** `use` has what each client's hooks return, in one form: posts, error, isLoading; create, rename; heard. */
export function show(Provider, use) {
  function Posts() {
    const { posts, isLoading, error } = use.list();
    const [create, refused] = use.create();
    const [rename] = use.rename();
    const heard = use.heard();
    const [title, setTitle] = useState("");
    return (
      <main>
        <form onSubmit={(event) => (event.preventDefault(), create({ title: title || null }))}>
          <label>Title <input value={title} onChange={(event) => setTitle(event.target.value)} /></label>
          <button>Publish</button>
        </form>
        <p role="alert">{refused?.extensions.errors.title?.[0] ?? error?.message}</p>
        <output>{isLoading ? "…" : posts.map((post) => post.title).join(", ") || "no posts"}</output>
        {posts.map(({ id, title }) => (
          <button key={id} onClick={() => rename({ id, title: `${title}!` })}>Rename {title}</button>
        ))}
        <p id="heard">{heard}</p>
      </main>
    );
  }
  createRoot(document.body.appendChild(document.createElement("div"))).render(
    <StrictMode><Provider><Posts /></Provider></StrictMode>,
  );
}

export const lastOf = (changes) => changes?.map(({ kind, record }) => `${kind} ${record?.title}`).join();
