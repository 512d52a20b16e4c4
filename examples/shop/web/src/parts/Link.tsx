import { isWaiting, type Link, shop, useLink, useOutbox } from "../api/records.ts";
import { messageOf } from "../api/texts.ts";
import { update, useUpdate } from "../installed.ts";
import { useUser } from "../session.ts";
import { Button } from "./Button.tsx";
import { count } from "./words.ts";

const TEXTS = {
  offline: "You are offline. What you write is kept on this device and sent later.",
  reader: "You are offline. What you see may be out of date.",
  unkept: "You are offline. Nothing can be written until the connection is back.",
  paused: "Log in again to send and receive changes.",
} as const;

/** How many writes wait, and how many were not accepted or lost an edit; it leads to them. */
export function OutboxBadge() {
  const entries = useOutbox();
  const held = entries.filter(({ state }) => state === "refused" || state === "conflicted").length;
  const waiting = entries.filter(isWaiting).length;
  if (held + waiting === 0) return null;
  const label = [waiting && `${waiting} waiting`, held && `${held} to check`].filter(Boolean).join(", ");
  return (
    <a className={held ? "outbox held" : "outbox"} href="#/changes" aria-label={`${count(held + waiting, "change")}: ${label}`}>
      <bdi>{label}</bdi>
    </a>
  );
}

function textOf(link: Link, isGuest: boolean): string | null {
  if (typeof link === "object") return messageOf(link);
  if (link === "offline") return isGuest ? TEXTS.reader : shop().obstacle ? TEXTS.unkept : TEXTS.offline;
  return link === "paused" && isGuest ? TEXTS.paused : null;
}

/** What the page can't do without a store, and how the user gets one. */
function Unkept() {
  const { obstacle } = shop();
  if (obstacle === null) return null;
  return (
    <details>
      <summary>
        <bdi>Online only: nothing is kept on this device.</bdi>
      </summary>
      <bdi>
        {obstacle.message} The shop works while you are connected, and what you write is sent at once. {obstacle.advice}
      </bdi>
    </details>
  );
}

/** Says so while what is shown may be out of date, or what is written is not kept. */
export function LinkBar() {
  const text = textOf(useLink(), useUser() === null);
  const isUpdate = useUpdate();
  return (
    <section className="link" aria-label="Connection">
      <Unkept />
      <div role="status">
        {text !== null && (
          <p>
            <span>
              <bdi>{text}</bdi>
            </span>
          </p>
        )}
        {isUpdate && (
          <p>
            <bdi>A newer version of this page is ready.</bdi> <Button onClick={update}>Update</Button>
          </p>
        )}
      </div>
    </section>
  );
}
