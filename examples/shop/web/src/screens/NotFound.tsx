import { Empty } from "../parts/Empty.tsx";

export function NotFound() {
  return (
    <Empty title="There is no such page">
      <a href="#/">Back to the catalogue</a>
    </Empty>
  );
}
