import type { ButtonHTMLAttributes } from "react";
import { Icon, type IconName } from "./Icon.tsx";
import { Spinner } from "./Spinner.tsx";

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  readonly look?: "primary" | "plain" | "quiet" | "danger";
  readonly icon?: IconName;
  /** Off, and turning, while the act runs. */
  readonly isBusy?: boolean;
}

export function Button({ look = "plain", icon, isBusy = false, children, ...rest }: Props) {
  return (
    <button type="button" className={`button ${look}`} disabled={isBusy} aria-busy={isBusy} {...rest}>
      {isBusy ? <Spinner /> : icon && <Icon name={icon} />}
      <span>{children}</span>
    </button>
  );
}
