import { useEffect, useState } from "react";
import { shop, useLink } from "../api/records.ts";
import { tellFailure, tellSuccess } from "../notices.ts";

/** Reads what is new at once, which happens by itself as well, and tells how that ended. */
export function useRefresh(success: string, refusal: string) {
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const link = useLink();
  useEffect(() => {
    if (link === "online") setFailure(null);
  }, [link]);
  const run = async () => {
    setBusy(true);
    try {
      await shop().refresh();
      setFailure(null);
      tellSuccess(success);
    } catch (error) {
      setFailure(error);
      tellFailure(refusal);
    } finally {
      setBusy(false);
    }
  };
  return { isBusy, failure, run: () => void run() };
}
