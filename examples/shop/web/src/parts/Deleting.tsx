import { type ReactNode, useState } from "react";
import { useAct } from "../hooks/useAct.ts";
import { Button } from "./Button.tsx";

interface Props {
  /** What is deleted: "post". */
  readonly kind: string;
  readonly title: string;
  readonly onDelete: () => Promise<void>;
  /** The other buttons, which give way to the question. */
  readonly children?: ReactNode;
}

/** A Delete button that asks once more. */
export function Deleting({ kind, title, onDelete, children }: Props) {
  const [isAsking, setAsking] = useState(false);
  const { isBusy, run } = useAct();
  const remove = async () => {
    if (!(await run(onDelete, `“${title}” is deleted.`))) setAsking(false);
  };
  if (!isAsking) {
    return (
      <div className="buttons">
        {children}
        <Button look="quiet" onClick={() => setAsking(true)}>
          Delete
        </Button>
      </div>
    );
  }
  return (
    <div className="buttons asking" role="group" aria-label={`Delete “${title}”?`}>
      <span>Delete this {kind}?</span>
      <Button look="danger" isBusy={isBusy} onClick={() => void remove()} autoFocus>
        Yes, delete
      </Button>
      <Button look="quiet" onClick={() => setAsking(false)}>
        Keep
      </Button>
    </div>
  );
}
