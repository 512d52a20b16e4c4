import type { ReactNode } from "react";

interface Props {
  readonly title: string;
  readonly intro: ReactNode;
  readonly children?: ReactNode;
}

export function PageHead({ title, intro, children }: Props) {
  return (
    <div className="page-head">
      <div>
        <h1>{title}</h1>
        <p className="muted">
          <bdi>{intro}</bdi>
        </p>
      </div>
      {children}
    </div>
  );
}
