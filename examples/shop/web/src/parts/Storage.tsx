import { shop, useStorage } from "../api/records.ts";
import { size } from "./words.ts";

/** How long the browser keeps what is on this device, and how much that is. */
export function Storage() {
  const state = useStorage();
  if (shop().obstacle !== null) return <>Nothing is kept on this device</>;
  if (state === null) return <>…</>;
  return (
    <>
      {state.isPersistent ? "Kept until you delete it" : "The browser may clear it when space runs low"}
      {state.usage !== undefined && ` · ${size(state.usage)}`}
    </>
  );
}
