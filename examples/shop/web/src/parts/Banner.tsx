import { messageOf } from "../api/texts.ts";
import { Button } from "./Button.tsx";
import { Icon } from "./Icon.tsx";

interface Props {
  readonly failure: unknown;
  readonly onRetry?: () => void;
  readonly isBusy?: boolean;
}

/** The error banner: what happened, and a way to try again where there is one. */
export function Banner({ failure, onRetry, isBusy = false }: Props) {
  if (failure === null || failure === undefined) return null;
  return (
    <div className="banner" role="alert">
      <Icon name="alert" />
      <p>
        <bdi>{messageOf(failure)}</bdi>
      </p>
      {onRetry && (
        <Button onClick={onRetry} isBusy={isBusy}>
          Try again
        </Button>
      )}
    </div>
  );
}
