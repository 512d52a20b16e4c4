import { Button } from "./Button.tsx";

interface Props {
  readonly next: string | null | undefined;
  readonly isAdding: boolean;
  readonly onMore: () => void;
}

/** Leads to the next page of a list, where there is one. */
export function More({ next, isAdding, onMore }: Props) {
  if (!next) return null;
  return (
    <p className="more">
      <Button isBusy={isAdding} onClick={onMore}>
        Show more
      </Button>
    </p>
  );
}
