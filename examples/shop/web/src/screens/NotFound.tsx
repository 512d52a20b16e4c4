import { Empty } from "../parts/Empty.tsx";

export function NotFound() {
  return (
    <Empty title="There is no such page" level={1}>
      <a href="#/">Back to the catalogue</a>
    </Empty>
  );
}
