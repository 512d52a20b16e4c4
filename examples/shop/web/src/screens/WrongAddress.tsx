import type { HinterlandError } from "hinterland";
import { Empty } from "../parts/Empty.tsx";

/** Shown in place of the shop where config.js or the build has an address that is none. */
export function WrongAddress({ error }: { error: HinterlandError }) {
  return (
    <main id="main">
      <Empty title="The shop's address is wrong" level={1}>
        {error.message} {error.advice} It is set in config.js.
      </Empty>
    </main>
  );
}
