import { useCallback, useState } from "react";
import { type Post, posts, type User } from "../api/shop.ts";
import { useForm } from "../hooks/useForm.ts";
import { usePages } from "../hooks/usePages.ts";
import { tellFailure, tellSuccess } from "../notices.ts";
import { Banner } from "../parts/Banner.tsx";
import { Button } from "../parts/Button.tsx";
import { Deleting } from "../parts/Deleting.tsx";
import { Empty } from "../parts/Empty.tsx";
import { TextArea, TextField } from "../parts/Field.tsx";
import { More } from "../parts/More.tsx";
import { PageHead } from "../parts/PageHead.tsx";
import { Spinner } from "../parts/Spinner.tsx";
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
  readonly isMine: boolean;
  readonly onChanged: (post: Post) => void;
  readonly onDeleted: (post: Post) => void;
}

function PostCard({ post, isMine, onChanged, onDeleted }: PostProps) {
  const [isEditing, setEditing] = useState(false);
  const save = async (draft: { title: string; body: string }) => {
    onChanged(await posts.change(post.id, draft));
    setEditing(false);
    tellSuccess("Your changes are saved.");
  };
  const remove = async () => {
    await posts.delete(post.id);
    onDeleted(post);
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
    <li className="card post">
      <h2 dir="auto">{post.title}</h2>
      {post.body && (
        <p className="post-body" dir="auto">
          {post.body}
        </p>
      )}
      <div className="post-foot">
        <span className="muted">
          {isMine ? "You" : "A member"} · <time dateTime={post.created_at}>{timeAgo(post.created_at)}</time>
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

function NewPost({ user, onAdded }: { user: User; onAdded: (post: Post) => void }) {
  const publish = async (draft: { title: string; body: string }) => {
    onAdded(await posts.create({ ...draft, author: String(user.id) }));
    tellSuccess("Your post is published.");
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
  const isSignedOut = user === null;
  // Signing out changes what may be read, so it loads again.
  const loadPage = useCallback(posts.list, [isSignedOut]);
  const { data, failure, isLoading, reload, add, replace, remove, more, isAdding } = usePages<Post>(loadPage);
  const refresh = async () => {
    if (await reload()) tellSuccess("The list is up to date.");
    else tellFailure("The list could not be refreshed.");
  };
  return (
    <>
      <PageHead title="Posts" intro={data?.total ? count(data.total, "post") : "News from the trail."}>
        <Button icon="refresh" isBusy={isLoading} onClick={() => void refresh()}>
          Refresh
        </Button>
      </PageHead>
      <Banner failure={failure} onRetry={() => void reload()} isBusy={isLoading} />
      <div className="columns">
        <aside>
          {user !== null && <NewPost user={user} onAdded={add} />}
          {isSignedOut && (
            <p className="card">
              <a href={`#${logInPath("/posts")}`}>Log in</a> to write a post.
            </p>
          )}
        </aside>
        <div>
          {data === null && failure === null && <Spinner label="Loading posts…" />}
          {data?.items.length === 0 && <Empty title="No posts yet">Be the first to write one.</Empty>}
          <ul className="stack">
            {data?.items.map((post) => (
              <PostCard
                key={post.id}
                post={post}
                isMine={user !== null && post.author === String(user.id)}
                onChanged={replace}
                onDeleted={remove}
              />
            ))}
          </ul>
          <More next={data?.next} isAdding={isAdding} onMore={more} />
        </div>
      </div>
    </>
  );
}
