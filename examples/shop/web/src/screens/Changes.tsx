import type { Outbox, OutboxEntry } from "hinterland/offline";
import { useEffect, useState } from "react";
import { shop, useLink, useOutbox } from "../api/records.ts";
import { sentence } from "../api/texts.ts";
import { useAct } from "../hooks/useAct.ts";
import { useForm } from "../hooks/useForm.ts";
import { tellSuccess } from "../notices.ts";
import { Banner } from "../parts/Banner.tsx";
import { Button } from "../parts/Button.tsx";
import { Empty } from "../parts/Empty.tsx";
import { TextField } from "../parts/Field.tsx";
import { PageHead } from "../parts/PageHead.tsx";
import { Storage } from "../parts/Storage.tsx";
import { count, timeAgo } from "../parts/words.ts";
import { needsText } from "./checks.ts";

const ACTS = { create: "Add", replace: "Change", patch: "Change", delete: "Delete" } as const;
const KINDS: Readonly<Record<string, string>> = { posts: "post", lists: "list entry" };

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** What the change is about: its own title, else that of the record, if there is still one. */
function useTitle({ writes }: OutboxEntry): string {
  const [write] = writes;
  const own = write?.body?.["title"];
  const [found, setFound] = useState<unknown>(undefined);
  const { collection, id } = write ?? {};
  useEffect(() => {
    if (own !== undefined || collection === undefined || id === undefined) return;
    shop().collection<Record<string, unknown>>(collection).get(id).then((record) => setFound(record["title"]), () => setFound(undefined));
  }, [own, collection, id]);
  const title = own ?? found;
  return typeof title === "string" ? `“${title}”` : "";
}

/** Whether the record is gone, so that sending the change again is of no use. */
function isGone(problem: OutboxEntry["problem"]): boolean {
  return problem?.code === "not_found" && problem.details?.["after"] === undefined;
}

function reasonOf({ state, problem }: OutboxEntry, isOffline: boolean): string {
  if (isGone(problem)) return "It was deleted meanwhile, so it can't be changed.";
  if (state === "refused") return `Not accepted: ${sentence(problem?.message ?? "the shop gave no reason")}`;
  if (state === "conflicted") return "Somebody else changed the same thing later, so theirs was kept.";
  return isOffline ? "Waits for a connection." : "Is being sent.";
}

interface ChangeProps {
  readonly entry: OutboxEntry;
  readonly outbox: Outbox;
}

/** The title of a change that was not accepted, to be corrected. */
function Correct({ entry, outbox, onClose }: ChangeProps & { readonly onClose: () => void }) {
  const body = entry.writes[0]?.body ?? {};
  const form = useForm({
    initial: { title: String(body["title"] ?? "") },
    check: ({ title }) => ({ title: needsText(title, "a title") }),
    send: async ({ title }) => {
      await outbox.edit(entry.id, { ...body, title: title.trim() });
      await outbox.retry(entry.id);
      tellSuccess("The corrected change is sent.");
      onClose();
    },
  });
  return (
    <form className="one-line" onSubmit={form.submit} noValidate aria-label="Correct the change">
      <Banner failure={form.failure} />
      <TextField label="Title" autoComplete="off" {...form.field("title")} />
      <div className="buttons">
        <Button type="submit" look="primary" isBusy={form.isBusy}>
          Save and send
        </Button>
        <Button look="quiet" onClick={onClose}>
          Cancel
        </Button>
      </div>
    </form>
  );
}

/** The edits of a merge that were not kept: what was written here, and the value that was kept. */
function Lost({ entry }: { entry: OutboxEntry }) {
  return (
    <dl className="lost">
      {entry.lost.map(({ field, mine, theirs }) => (
        <div key={field}>
          <dt>{field}</dt>
          <dd>
            <del dir="auto">{textOf(mine)}</del> <ins dir="auto">{textOf(theirs)}</ins>
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Change({ entry, outbox, isOffline }: ChangeProps & { readonly isOffline: boolean }) {
  const [isEditing, setEditing] = useState(false);
  const { isBusy, run } = useAct();
  const title = useTitle(entry);
  const [write] = entry.writes;
  const { id, state } = entry;
  const isHeld = state === "refused" || state === "conflicted";
  const takeMine = async () => {
    const mine = Object.fromEntries(entry.lost.map(({ field, mine }) => [field, mine]));
    if (write?.id !== undefined) await shop().collection<Record<string, unknown>>(write.collection).update(write.id, mine);
    await outbox.discard(id);
  };
  return (
    <li className={isHeld ? "card change held" : "card change"}>
      <h2>
        <bdi>
          {write && `${ACTS[write.act]} ${KINDS[write.collection] ?? write.collection} `}
          <bdi>{title}</bdi>
        </bdi>
      </h2>
      <p className="muted">
        <bdi>{reasonOf(entry, isOffline)}</bdi> · <time dir="auto">{timeAgo(new Date(entry.timestamp * 1000).toISOString())}</time>
      </p>
      {entry.lost.length > 0 && <Lost entry={entry} />}
      {isEditing && <Correct entry={entry} outbox={outbox} onClose={() => setEditing(false)} />}
      {!isEditing && (
        <div className="buttons">
          {state === "refused" && write?.body?.["title"] !== undefined && <Button onClick={() => setEditing(true)}>Edit</Button>}
          {state === "refused" && !isGone(entry.problem) && (
            <Button isBusy={isBusy} onClick={() => void run(async () => void (await outbox.retry(id)))}>
              Try again
            </Button>
          )}
          {state === "conflicted" && (
            <Button isBusy={isBusy} onClick={() => void run(takeMine, "Your edit is taken.")}>
              Take mine
            </Button>
          )}
          {(isHeld || state === "pending") && (
            <Button look="quiet" onClick={() => void run(() => outbox.discard(id))}>
              {state === "conflicted" ? "Keep theirs" : "Discard"}
            </Button>
          )}
        </div>
      )}
    </li>
  );
}

/** What was written here and is not sent, not accepted, or has lost an edit. */
export function Changes() {
  const entries = useOutbox().filter(({ state }) => state !== "applied");
  const isOffline = useLink() !== "online";
  const { outbox } = shop();
  return (
    <div className="reading">
      <PageHead title="Changes" intro={entries.length ? count(entries.length, "change") : "What you write appears here until it is sent."} />
      {entries.length === 0 && <Empty title="All is sent">Nothing waits on this device.</Empty>}
      {outbox !== null && (
        <ul className="stack">
          {entries.map((entry) => (
            <Change key={entry.id} entry={entry} outbox={outbox} isOffline={isOffline} />
          ))}
        </ul>
      )}
      <p className="aside">
        <bdi>
          On this device: <Storage />
        </bdi>
      </p>
    </div>
  );
}
