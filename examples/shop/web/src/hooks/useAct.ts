import { useState } from "react";
import { messageOf } from "../api/texts.ts";
import { tellFailure, tellSuccess } from "../notices.ts";

/** Runs one act at a time and tells how it ended: `run(act, "Saved.")`. What shows by itself needs no text. */
export function useAct() {
  const [isBusy, setBusy] = useState(false);
  const run = async (act: () => Promise<void>, success?: string): Promise<boolean> => {
    setBusy(true);
    try {
      await act();
      if (success !== undefined) tellSuccess(success);
      return true;
    } catch (error) {
      tellFailure(messageOf(error));
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { isBusy, run };
}
