import { useQuery } from "hinterland/react";
import { useState } from "react";
import { posts, report, shop, useUnsent } from "../api/records.ts";
import type { Post, User } from "../api/shop.ts";
import { useForm } from "../hooks/useForm.ts";
import { useName } from "../hooks/useName.ts";
import { useRefresh } from "../hooks/useRefresh.ts";
import { Banner } from "../parts/Banner.tsx";
import { Button } from "../parts/Button.tsx";
import { Deleting } from "../parts/Deleting.tsx";
import { Empty } from "../parts/Empty.tsx";
import { TextArea, TextField } from "../parts/Field.tsx";
import { More, useWindow } from "../parts/More.tsx";
import { PageHead } from "../parts/PageHead.tsx";
import { Spinner } from "../parts/Spinner.tsx";
import { Unsent } from "../parts/Unsent.tsx";
import { count, timeAgo } from "../parts/words.ts";
import { logInPath } from "../routing.ts";
import { useUser } from "../session.ts";
import { needsText } from "./checks.ts";

interface PostFormProps {
  readonly initial: { title: string; body: string };
  readonly label: string;
  readonly send: (draft: { title: string; body: string }) => Promise<void>;
  readonly onCancel?: () => void;
}

function PostForm({ initial, label, send, onCancel }: PostFormProps) {
  const form = useForm({
    initial,
    check: ({ title }) => ({ title: needsText(title, "a title") }),
    send: async ({ title, body }) => {
      await send({ title: title.trim(), body: body.trim() });
      form.reset();
    },
  });
  return (
    <form onSubmit={form.submit} noValidate aria-label={label}>
      <Banner failure={form.failure} />
      <TextField label="Title" autoComplete="off" {...form.field("title")} />
      <TextArea label="Text" {...form.field("body")} />
      <div className="buttons">
        <Button type="submit" look="primary" isBusy={form.isBusy}>
          {label}
        </Button>
        {onCancel && (
          <Button look="quiet" onClick={onCancel}>
            Cancel
          </Button>
        )}
      </div>
    </form>
  );
}

interface PostProps {
  readonly post: Post;
  readonly user: User | null;
  readonly isUnsent: boolean;
}

function PostCard({ post, user, isUnsent }: PostProps) {
  const isMine = user !== null && post.author === String(user.id);
  const author = useName(post.author, user !== null && !isMine);
  const [isEditing, setEditing] = useState(false);
  const save = async (draft: { title: string; body: string }) => {
    report(await posts.change(post.id, draft), "Your changes are saved.");
    setEditing(false);
  };
  const remove = async () => {
    await posts.delete(post.id);
  };
  if (isEditing) {
    const initial = { title: post.title, body: post.body ?? "" };
    return (
      <li className="card post">
        <PostForm initial={initial} label="Save" send={save} onCancel={() => setEditing(false)} />
      </li>
    );
  }
  return (
    <li className={isUnsent ? "card post unsent" : "card post"}>
      <h2 dir="auto">{post.title}</h2>
      {post.body && (
        <p className="post-body" dir="auto">
          {post.body}
        </p>
      )}
      <div className="post-foot">
        <span className="muted">
          <span dir="auto">{isMine ? "You" : (author ?? "A member")}</span> · <time dir="auto" dateTime={post.created_at}>
            {timeAgo(post.created_at)}
          </time>
          {isUnsent && <Unsent />}
        </span>
        {isMine && (
          <Deleting kind="post" title={post.title} onDelete={remove}>
            <Button look="quiet" onClick={() => setEditing(true)}>
              Edit
            </Button>
          </Deleting>
        )}
      </div>
    </li>
  );
}

function NewPost({ user }: { user: User }) {
  const publish = async (draft: { title: string; body: string }) => {
    report(await posts.create({ ...draft, author: String(user.id) }), "Your post is published.");
  };
  return (
    <section className="card new-post">
      <h2>Write a post</h2>
      <PostForm initial={{ title: "", body: "" }} label="Publish" send={publish} />
    </section>
  );
}

export function Posts() {
  const user = useUser();
  const { data, error } = useQuery<Post>(shop(), "posts", { sort: "-created_at" });
  const { shown, more } = useWindow(50);
  const unsent = useUnsent("posts");
  const reading = useRefresh("The list is up to date.", "The list could not be refreshed.");
  return (
    <>
      <PageHead title="Posts" intro={data?.length ? count(data.length, "post") : "News from the trail."}>
        <Button icon="refresh" isBusy={reading.isBusy} onClick={reading.run}>
          Refresh
        </Button>
      </PageHead>
      <Banner
        failure={reading.failure ?? (data === undefined ? error : null)}
        onRetry={reading.run}
        isBusy={reading.isBusy}
      />
      <div className="columns">
        <aside>
          {user !== null && <NewPost user={user} />}
          {user === null && (
            <p className="card">
              <a href={`#${logInPath("/posts")}`}>Log in</a> to write a post.
            </p>
          )}
        </aside>
        <div>
          {data === undefined && error === undefined && <Spinner label="Loading posts…" />}
          {data?.length === 0 && <Empty title="No posts yet">Be the first to write one.</Empty>}
          <ul className="stack">
            {data?.slice(0, shown).map((post) => (
              <PostCard key={post.id} post={post} user={user} isUnsent={unsent.has(post.id)} />
            ))}
          </ul>
          <More isMore={data !== undefined && data.length > shown} onMore={more} />
        </div>
      </div>
    </>
  );
}
