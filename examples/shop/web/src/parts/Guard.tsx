import { type ReactNode, useEffect } from "react";
import type { User } from "../api/shop.ts";
import { goInstead, logInPath, useRoute } from "../routing.ts";
import { restoreSession, useSession } from "../session.ts";
import { Banner } from "./Banner.tsx";
import { PageHead } from "./PageHead.tsx";
import { Spinner } from "./Spinner.tsx";

function ToLogIn() {
  const { path } = useRoute();
  useEffect(() => goInstead(logInPath(path)), [path]);
  return null;
}

/** Stands in front of a protected screen: signed out → log in, then back here. */
export function Guard({ title, children }: { title: string; children: (user: User) => ReactNode }) {
  const session = useSession();
  if (session.state === "signed-in") return children(session.user);
  if (session.state === "signed-out") return <ToLogIn />;
  return (
    <>
      <PageHead title={title} intro="For members." />
      {session.failure === null && <Spinner label="Signing you in…" />}
      <Banner failure={session.failure} onRetry={() => void restoreSession()} />
    </>
  );
}
