import { HinterlandError } from "hinterland";
import { Empty } from "../parts/Empty.tsx";

/** Shown in place of the shop where it can't run: its address is none, or another tab holds its data. */
export function Closed({ title, error }: { title: string; error: unknown }) {
  return (
    <main id="main">
      <Empty title={title} level={1}>
        {error instanceof HinterlandError ? `${error.message} ${error.advice}` : String(error)}
      </Empty>
    </main>
  );
}
