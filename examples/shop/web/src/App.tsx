import { type ReactNode, useEffect, useRef } from "react";
import { closeFailure } from "./notices.ts";
import { Frame } from "./parts/Frame.tsx";
import { Guard } from "./parts/Guard.tsx";
import { useRoute } from "./routing.ts";
import { Catalogue } from "./screens/Catalogue.tsx";
import { Changes } from "./screens/Changes.tsx";
import { Lists } from "./screens/Lists.tsx";
import { LogIn } from "./screens/LogIn.tsx";
import { NotFound } from "./screens/NotFound.tsx";
import { Posts } from "./screens/Posts.tsx";
import { Profile } from "./screens/Profile.tsx";
import { SignUp } from "./screens/SignUp.tsx";

interface Screen {
  readonly title: string;
  readonly draw: (next: string | null) => ReactNode;
}

const SCREENS: Readonly<Record<string, Screen>> = {
  "/": { title: "Catalogue", draw: () => <Catalogue /> },
  "/posts": { title: "Posts", draw: () => <Posts /> },
  "/lists": { title: "Shopping list", draw: () => <Guard>{(user) => <Lists user={user} />}</Guard> },
  "/profile": { title: "Profile", draw: () => <Guard>{(user) => <Profile user={user} />}</Guard> },
  "/changes": { title: "Changes", draw: () => <Guard>{() => <Changes />}</Guard> },
  "/login": { title: "Log in", draw: (next) => <LogIn next={next} /> },
  "/register": { title: "Sign up", draw: (next) => <SignUp next={next} /> },
};

const MISSING: Screen = { title: "Not found", draw: () => <NotFound /> };

/** Where a screen reader and the keyboard go on after a change of screen: its heading, or else the content. */
function focusHeading(): void {
  const heading = document.querySelector<HTMLElement>("main h1") ?? document.querySelector<HTMLElement>("main");
  if (heading === null) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

export function App() {
  const route = useRoute();
  const screen = SCREENS[route.path] ?? MISSING;
  const shown = useRef(screen);
  useEffect(() => {
    document.title = `${screen.title} · Hinterland Shop`;
    window.scrollTo(0, 0);
    if (shown.current === screen) return;
    shown.current = screen;
    closeFailure();
    focusHeading();
  }, [screen]);
  return <Frame path={route.path}>{screen.draw(route.next)}</Frame>;
}
