import { useCallback, useState } from "react";
import { type Post, type PostList, posts, type User } from "../api/shop.ts";
import { useAct } from "../hooks/useAct.ts";
import { useForm } from "../hooks/useForm.ts";
import { useLoad } from "../hooks/useLoad.ts";
import { tellFailure, tellSuccess } from "../notices.ts";
import { Banner } from "../parts/Banner.tsx";
import { Button } from "../parts/Button.tsx";
import { Empty } from "../parts/Empty.tsx";
import { TextArea, TextField } from "../parts/Field.tsx";
import { PageHead } from "../parts/PageHead.tsx";
import { Spinner } from "../parts/Spinner.tsx";
import { count, timeAgo } from "../parts/words.ts";
import { logInPath } from "../routing.ts";
import { useSession } from "../session.ts";
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

function OwnButtons({ post, onDeleted, onEdit }: Pick<PostProps, "post" | "onDeleted"> & { onEdit: () => void }) {
  const [isAsking, setAsking] = useState(false);
  const { isBusy, run } = useAct();
  const remove = async () => {
    const isDeleted = await run(() => posts.delete(post.id), `“${post.title}” is deleted.`);
    if (isDeleted) onDeleted(post);
    else setAsking(false);
  };
  if (!isAsking) {
    return (
      <div className="buttons">
        <Button look="quiet" onClick={onEdit}>
          Edit
        </Button>
        <Button look="quiet" onClick={() => setAsking(true)}>
          Delete
        </Button>
      </div>
    );
  }
  return (
    <div className="buttons" role="group" aria-label={`Delete “${post.title}”?`}>
      <span>Delete this post?</span>
      <Button look="danger" isBusy={isBusy} onClick={() => void remove()} autoFocus>
        Yes, delete
      </Button>
      <Button look="quiet" onClick={() => setAsking(false)}>
        Keep
      </Button>
    </div>
  );
}

function PostCard({ post, isMine, onChanged, onDeleted }: PostProps) {
  const [isEditing, setEditing] = useState(false);
  const save = async (draft: { title: string; body: string }) => {
    onChanged(await posts.change(post.id, draft));
    setEditing(false);
    tellSuccess("Your changes are saved.");
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
      <h2>{post.title}</h2>
      {post.body && <p className="post-body">{post.body}</p>}
      <div className="post-foot">
        <span className="muted">
          {isMine ? "You" : "A member"} · <time dateTime={post.created_at}>{timeAgo(post.created_at)}</time>
        </span>
        {isMine && <OwnButtons post={post} onDeleted={onDeleted} onEdit={() => setEditing(true)} />}
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

function newestFirst(list: PostList): Post[] {
  return [...list.posts].sort((one, other) => other.created_at.localeCompare(one.created_at));
}

function usePosts(isSignedOut: boolean) {
  // Signing out changes what may be read, so it loads again.
  const loaded = useLoad(useCallback((signal: AbortSignal) => posts.list(signal), [isSignedOut]));
  const { change } = loaded;
  return {
    ...loaded,
    add: (post: Post) => change(({ posts: old, total }) => ({ posts: [post, ...old], total: total + 1 })),
    replace: (post: Post) =>
      change(({ posts: old, total }) => ({ posts: old.map((one) => (one.id === post.id ? post : one)), total })),
    remove: (post: Post) =>
      change(({ posts: old, total }) => ({ posts: old.filter((one) => one.id !== post.id), total: total - 1 })),
  };
}

export function Posts() {
  const session = useSession();
  const user = session.state === "signed-in" ? session.user : null;
  const { data, failure, isLoading, reload, add, replace, remove } = usePosts(session.state === "signed-out");
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
          {session.state === "signed-out" && (
            <p className="card">
              <a href={`#${logInPath("/posts")}`}>Log in</a> to write a post.
            </p>
          )}
        </aside>
        <div>
          {data === null && failure === null && <Spinner label="Loading posts…" />}
          {data?.posts.length === 0 && <Empty title="No posts yet">Be the first to write one.</Empty>}
          <ul className="stack">
            {data !== null &&
              newestFirst(data).map((post) => (
                <PostCard
                  key={post.id}
                  post={post}
                  isMine={user !== null && post.author === String(user.id)}
                  onChanged={replace}
                  onDeleted={remove}
                />
              ))}
          </ul>
        </div>
      </div>
    </>
  );
}
