import { type ReactNode, useEffect } from "react";
import type { User } from "../api/shop.ts";
import { goInstead, logInPath, useRoute } from "../routing.ts";
import { useUser } from "../session.ts";

function ToLogIn() {
  const { path } = useRoute();
  useEffect(() => goInstead(logInPath(path)), [path]);
  return null;
}

/** Stands in front of a protected screen: signed out → log in, then back here. */
export function Guard({ children }: { children: (user: User) => ReactNode }) {
  const user = useUser();
  return user === null ? <ToLogIn /> : children(user);
}
