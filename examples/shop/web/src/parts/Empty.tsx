import type { ReactNode } from "react";
import { Contours } from "./Contours.tsx";

interface Props {
  readonly title: string;
  readonly children: ReactNode;
  /** 1 where it is the whole page. */
  readonly level?: 1 | 2;
}

export function Empty({ title, children, level = 2 }: Props) {
  const Heading = `h${level}` as const;
  return (
    <div className="empty">
      <Contours seed={title} />
      <Heading>{title}</Heading>
      <div className="muted">{children}</div>
    </div>
  );
}
