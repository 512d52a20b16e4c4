import { useLink, useOutbox } from "../api/local.ts";
import { update, useUpdate } from "../installed.ts";
import { useUser } from "../session.ts";
import { Button } from "./Button.tsx";
import { count } from "./words.ts";

const TEXTS = {
  offline: "You are offline. What you write is kept on this device and sent later.",
  reader: "You are offline. What you see may be out of date.",
  paused: "Log in again to send and receive changes.",
} as const;

/** How many writes wait, and how many were not accepted or lost an edit; it leads to them. */
export function OutboxBadge() {
  const entries = useOutbox();
  const held = entries.filter(({ state }) => state === "refused" || state === "conflicted").length;
  const waiting = entries.filter(({ state }) => state === "pending" || state === "sent").length;
  if (held + waiting === 0) return null;
  const label = [waiting && `${waiting} waiting`, held && `${held} to check`].filter(Boolean).join(", ");
  return (
    <a className={held ? "outbox held" : "outbox"} href="#/changes" aria-label={`${count(held + waiting, "change")}: ${label}`}>
      {label}
    </a>
  );
}

/** Says so while what is shown may be out of date. */
export function LinkBar() {
  const link = useLink();
  const user = useUser();
  const text = link === "offline" ? (user === null ? TEXTS.reader : TEXTS.offline) : link === "paused" && user === null ? TEXTS.paused : null;
  const isUpdate = useUpdate();
  return (
    <div className="link" role="status">
      {text !== null && <p>{text}</p>}
      {isUpdate && (
        <p>
          A newer version of this page is ready. <Button onClick={update}>Update</Button>
        </p>
      )}
    </div>
  );
}
