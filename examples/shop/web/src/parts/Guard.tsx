import { type ReactNode, useEffect } from "react";
import type { User } from "../api/shop.ts";
import { goInstead, logInPath, useRoute } from "../routing.ts";
import { restoreSession, useSession } from "../session.ts";
import { Banner } from "./Banner.tsx";
import { Spinner } from "./Spinner.tsx";

function ToLogIn() {
  const { path } = useRoute();
  useEffect(() => goInstead(logInPath(path)), [path]);
  return null;
}

/** Stands in front of a protected screen: signed out → log in, then back here. */
export function Guard({ children }: { children: (user: User) => ReactNode }) {
  const session = useSession();
  if (session.state === "signed-in") return children(session.user);
  if (session.state === "signed-out") return <ToLogIn />;
  if (session.failure === null) return <Spinner label="Signing you in…" />;
  return <Banner failure={session.failure} onRetry={() => void restoreSession()} />;
}
