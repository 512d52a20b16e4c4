import { useQuery } from "hinterland/react";
import { useState } from "react";
import { entries, shop, useUnsent } from "../api/records.ts";
import { type Entry, members, type User } from "../api/shop.ts";
import { useAct } from "../hooks/useAct.ts";
import { Refused, useForm } from "../hooks/useForm.ts";
import { useName } from "../hooks/useName.ts";
import { useRefresh } from "../hooks/useRefresh.ts";
import { tellSuccess } from "../notices.ts";
import { Banner } from "../parts/Banner.tsx";
import { Button } from "../parts/Button.tsx";
import { Deleting } from "../parts/Deleting.tsx";
import { Empty } from "../parts/Empty.tsx";
import { TextField } from "../parts/Field.tsx";
import { More, useWindow } from "../parts/More.tsx";
import { PageHead } from "../parts/PageHead.tsx";
import { Spinner } from "../parts/Spinner.tsx";
import { Unsent } from "../parts/Unsent.tsx";
import { count } from "../parts/words.ts";
import { needsText } from "./checks.ts";

interface EntryProps {
  readonly entry: Entry;
  readonly me: string;
  readonly isUnsent: boolean;
}

function NewEntry({ me }: { me: string }) {
  const form = useForm({
    initial: { title: "" },
    check: ({ title }) => ({ title: needsText(title, "what you need") }),
    send: async ({ title }) => {
      await entries.create({ title: title.trim(), owner: me, members: [me], done: false });
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

interface ShareProps extends Pick<EntryProps, "entry"> {
  readonly onClose: () => void;
}

function Share({ entry, onClose }: ShareProps) {
  const form = useForm({
    initial: { members: "" },
    check: ({ members: id }) => ({ members: needsText(id, "the id of the other person") }),
    send: async ({ members: id }) => {
      const person = await members.find(id.trim());
      if (person === null) throw new Refused("members", "Nobody has this id.");
      await entries.share(entry.id, String(person.id));
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

function sharedWords(entry: Entry, me: string, owner: string | null): string {
  if (entry.owner !== me) return owner === null ? "Shared with you" : `Shared with you by ${owner}`;
  const others = (entry.members ?? []).filter((member) => member !== me).length;
  return others === 0 ? "Only you" : `Shared with ${count(others, "person", "people")}`;
}

function EntryRow({ entry, me, isUnsent }: EntryProps) {
  const owner = useName(entry.owner, entry.owner !== me);
  const [isSharing, setSharing] = useState(false);
  const { isBusy, run } = useAct();
  const isDone = entry.done === true;
  const tick = () =>
    run(
      async () => void (await entries.change(entry.id, { done: !isDone })),
      isDone ? `“${entry.title}” is open again.` : `“${entry.title}” is done.`,
    );
  const remove = async () => {
    await entries.delete(entry.id);
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
            <span className="muted">
              {sharedWords(entry, me, owner)}
              {isUnsent && <Unsent />}
            </span>
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
      {isSharing && <Share entry={entry} onClose={() => setSharing(false)} />}
    </li>
  );
}

function openFirst(list: readonly Entry[]): Entry[] {
  const rank = (entry: Entry) => (entry.done ? 1 : 0);
  return [...list].sort((a, b) => rank(a) - rank(b) || b.created_at.localeCompare(a.created_at));
}

function introOf(list: readonly Entry[] | undefined): string {
  if (!list?.length) return "Yours alone until you share it.";
  return `${list.filter((entry) => !entry.done).length} of ${count(list.length, "entry", "entries")} open`;
}

export function Lists({ user }: { user: User }) {
  const me = String(user.id);
  const { data, error } = useQuery<Entry>(shop(), "lists", { sort: "-created_at" });
  const { shown, more } = useWindow(100);
  const unsent = useUnsent("lists");
  const reading = useRefresh("Your list is up to date.", "Your list could not be refreshed.");
  return (
    <div className="reading">
      <PageHead title="Shopping list" intro={introOf(data)}>
        <Button icon="refresh" isBusy={reading.isBusy} onClick={reading.run}>
          Refresh
        </Button>
      </PageHead>
      <NewEntry me={me} />
      <Banner
        failure={reading.failure ?? (data === undefined ? error : null)}
        onRetry={reading.run}
        isBusy={reading.isBusy}
      />
      {data === undefined && error === undefined && <Spinner label="Loading your list…" />}
      {data?.length === 0 && <Empty title="Your list is empty">Add what you need, or pick it from the catalogue.</Empty>}
      {data !== undefined && data.length > 0 && (
        <ul className="card entries">
          {openFirst(data).slice(0, shown).map((entry) => (
            <EntryRow key={entry.id} entry={entry} me={me} isUnsent={unsent.has(entry.id)} />
          ))}
        </ul>
      )}
      <More isMore={data !== undefined && data.length > shown} onMore={more} />
    </div>
  );
}
