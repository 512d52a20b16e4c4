import { useState } from "react";
import { type Entry, entries, members, type User } from "../api/shop.ts";
import { useAct } from "../hooks/useAct.ts";
import { Refused, useForm } from "../hooks/useForm.ts";
import { usePages } from "../hooks/usePages.ts";
import { tellFailure, tellSuccess } from "../notices.ts";
import { Banner } from "../parts/Banner.tsx";
import { Button } from "../parts/Button.tsx";
import { Deleting } from "../parts/Deleting.tsx";
import { Empty } from "../parts/Empty.tsx";
import { TextField } from "../parts/Field.tsx";
import { More } from "../parts/More.tsx";
import { PageHead } from "../parts/PageHead.tsx";
import { Spinner } from "../parts/Spinner.tsx";
import { count } from "../parts/words.ts";
import { needsText } from "./checks.ts";

interface EntryProps {
  readonly entry: Entry;
  readonly me: string;
  readonly onChanged: (entry: Entry) => void;
  readonly onDeleted: (entry: Entry) => void;
}

function NewEntry({ me, onAdded }: { me: string; onAdded: (entry: Entry) => void }) {
  const form = useForm({
    initial: { title: "" },
    check: ({ title }) => ({ title: needsText(title, "what you need") }),
    send: async ({ title }) => {
      onAdded(await entries.create({ title: title.trim(), owner: me, members: [me], done: false }));
      form.reset();
      tellSuccess(`“${title.trim()}” is on your list.`);
    },
  });
  return (
    <form className="card one-line" onSubmit={form.submit} noValidate aria-label="Add to the list">
      <Banner failure={form.failure} />
      <TextField label="New entry" autoComplete="off" {...form.field("title")} />
      <Button type="submit" look="primary" isBusy={form.isBusy}>
        Add
      </Button>
    </form>
  );
}

interface ShareProps extends Pick<EntryProps, "entry" | "onChanged"> {
  readonly onClose: () => void;
}

function Share({ entry, onChanged, onClose }: ShareProps) {
  const form = useForm({
    initial: { members: "" },
    check: ({ members: id }) => ({ members: needsText(id, "the id of the other person") }),
    send: async ({ members: id }) => {
      const person = await members.find(id.trim());
      if (person === null) throw new Refused("members", "Nobody has this id.");
      onChanged(await entries.share(entry.id, String(person.id)));
      tellSuccess(`“${entry.title}” is shared with ${person.name}.`);
      onClose();
    },
  });
  return (
    <form className="one-line share" onSubmit={form.submit} noValidate aria-label={`Share “${entry.title}”`}>
      <Banner failure={form.failure} />
      <TextField
        label="Their id"
        hint="It stands on the other person's profile."
        autoComplete="off"
        {...form.field("members")}
      />
      <div className="buttons">
        <Button type="submit" look="primary" isBusy={form.isBusy}>
          Share
        </Button>
        <Button look="quiet" onClick={onClose}>
          Cancel
        </Button>
      </div>
    </form>
  );
}

function sharedWords(entry: Entry, me: string): string {
  if (entry.owner !== me) return "Shared with you";
  const others = entry.members.filter((member) => member !== me).length;
  return others === 0 ? "Only you" : `Shared with ${count(others, "person", "people")}`;
}

function EntryRow({ entry, me, onChanged, onDeleted }: EntryProps) {
  const [isSharing, setSharing] = useState(false);
  const { isBusy, run } = useAct();
  const isDone = entry.done === true;
  const tick = () =>
    run(
      async () => onChanged(await entries.change(entry.id, { done: !isDone })),
      isDone ? `“${entry.title}” is open again.` : `“${entry.title}” is done.`,
    );
  const remove = async () => {
    await entries.delete(entry.id);
    onDeleted(entry);
  };
  return (
    <li className={isDone ? "entry done" : "entry"}>
      <div className="entry-line">
        <label>
          <input type="checkbox" checked={isDone} disabled={isBusy} onChange={() => void tick()} />
          <span className="entry-text">
            <span className="entry-title" dir="auto">
              {entry.title}
            </span>
            <span className="muted">{sharedWords(entry, me)}</span>
          </span>
        </label>
        {entry.owner === me && (
          <Deleting kind="entry" title={entry.title} onDelete={remove}>
            <Button look="quiet" aria-expanded={isSharing} onClick={() => setSharing(!isSharing)}>
              Share
            </Button>
          </Deleting>
        )}
      </div>
      {isSharing && <Share entry={entry} onChanged={onChanged} onClose={() => setSharing(false)} />}
    </li>
  );
}

function openFirst(list: readonly Entry[]): Entry[] {
  const rank = (entry: Entry) => (entry.done ? 1 : 0);
  return [...list].sort((a, b) => rank(a) - rank(b) || b.created_at.localeCompare(a.created_at));
}

function introOf(list: readonly Entry[] | undefined, total: number): string {
  if (!list?.length) return "Yours alone until you share it.";
  // How many are open is known once all are loaded.
  const done = list.filter((entry) => entry.done).length;
  return list.length < total
    ? count(total, "entry", "entries")
    : `${total - done} of ${count(total, "entry", "entries")} open`;
}

export function Lists({ user }: { user: User }) {
  const me = String(user.id);
  const { data, failure, isLoading, reload, add, replace, remove, more, isAdding } = usePages<Entry>(entries.list);
  const refresh = async () => {
    if (await reload()) tellSuccess("Your list is up to date.");
    else tellFailure("Your list could not be refreshed.");
  };
  return (
    <div className="reading">
      <PageHead title="Shopping list" intro={introOf(data?.items, data?.total ?? 0)}>
        <Button icon="refresh" isBusy={isLoading} onClick={() => void refresh()}>
          Refresh
        </Button>
      </PageHead>
      <NewEntry me={me} onAdded={add} />
      <Banner failure={failure} onRetry={() => void reload()} isBusy={isLoading} />
      {data === null && failure === null && <Spinner label="Loading your list…" />}
      {data?.items.length === 0 && <Empty title="Your list is empty">Add what you need, or pick it from the catalogue.</Empty>}
      {data !== null && data.items.length > 0 && (
        <ul className="card entries">
          {openFirst(data.items).map((entry) => (
            <EntryRow key={entry.id} entry={entry} me={me} onChanged={replace} onDeleted={remove} />
          ))}
        </ul>
      )}
      <More next={data?.next} isAdding={isAdding} onMore={more} />
    </div>
  );
}
