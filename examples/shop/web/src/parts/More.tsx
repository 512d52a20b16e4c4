import { useState } from "react";
import { Button } from "./Button.tsx";

/** How many records of a list are shown: `more` shows another page of them. */
export function useWindow(size: number) {
  const [shown, setShown] = useState(size);
  return { shown, more: () => setShown(shown + size) };
}

/** Shows more of a list, where there is more. */
export function More({ isMore, onMore }: { isMore: boolean; onMore: () => void }) {
  if (!isMore) return null;
  return (
    <p className="more">
      <Button onClick={onMore}>Show more</Button>
    </p>
  );
}
