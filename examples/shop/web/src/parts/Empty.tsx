import type { ReactNode } from "react";
import { Contours } from "./Contours.tsx";

export function Empty({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div className="empty">
      <Contours seed={title} />
      <h2>{title}</h2>
      <div className="muted">{children}</div>
    </div>
  );
}
