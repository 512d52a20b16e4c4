import type { ReactNode } from "react";
import { shop } from "../api/records.ts";
import { client } from "../api/shop.ts";
import { tellSuccess } from "../notices.ts";
import { go } from "../routing.ts";
import { useUser } from "../session.ts";
import { Button } from "./Button.tsx";
import { Icon, type IconName } from "./Icon.tsx";
import { LinkBar, OutboxBadge } from "./Link.tsx";
import { NoticeBar } from "./NoticeBar.tsx";
import { count } from "./words.ts";

const PLACES: readonly { path: string; label: string; icon: IconName }[] = [
  { path: "/", label: "Catalogue", icon: "catalogue" },
  { path: "/posts", label: "Posts", icon: "posts" },
  { path: "/lists", label: "List", icon: "lists" },
  { path: "/profile", label: "Profile", icon: "profile" },
];

export async function logOut(): Promise<void> {
  const { waiting, held } = shop().outbox?.counts() ?? { waiting: 0, held: 0 };
  if (waiting + held > 0) {
    const which = count(waiting + held, "change is", "changes are");
    // What is left stays on this device for this user alone.
    if (!confirm(`${which} not sent. They wait on this device until you log in here again. Log out all the same?`)) return;
  }
  go("/login");
  await client.auth.logOut();
  tellSuccess("You are logged out.");
}

function Places({ path }: { path: string }) {
  return (
    <nav className="places" aria-label="Main">
      {PLACES.map((place) => (
        <a key={place.path} href={`#${place.path}`} aria-current={place.path === path ? "page" : undefined}>
          <Icon name={place.icon} />
          {place.label}
        </a>
      ))}
    </nav>
  );
}

function Account() {
  const user = useUser();
  if (user === null) {
    return (
      <div className="account">
        <a className="button quiet" href="#/login">
          Log in
        </a>
        <a className="button primary" href="#/register">
          Sign up
        </a>
      </div>
    );
  }
  return (
    <div className="account">
      <span className="account-name" dir="auto">
        {user.name}
      </span>
      <Button onClick={() => void logOut()}>Log out</Button>
    </div>
  );
}

export function Frame({ path, children }: { path: string; children: ReactNode }) {
  return (
    <>
      <header className="top">
        <a className="brand" href="#/" aria-label="Hinterland Shop, home">
          <svg viewBox="0 0 32 32" aria-hidden="true">
            <rect width="32" height="32" rx="8" />
            <path d="M5 24 13 10l5 8 3-4 6 10" />
          </svg>
          <span>Hinterland Shop</span>
        </a>
        <Places path={path} />
        <OutboxBadge />
        <Account />
      </header>
      <LinkBar />
      <main id="main">{children}</main>
      <NoticeBar />
    </>
  );
}
