import { Icon } from "./Icon.tsx";

/** Marks a record with a change that the server does not have yet. */
export function Unsent() {
  return (
    <span className="unsent-mark">
      <Icon name="waiting" /> <bdi>Not sent yet</bdi>
    </span>
  );
}
