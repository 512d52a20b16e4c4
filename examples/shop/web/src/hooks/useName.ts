import { useEffect, useState } from "react";
import { useOnline } from "hinterland/react";
import { client, members } from "../api/shop.ts";

const known = new Map<string, Promise<string | null>>();

function nameOf(id: string): Promise<string | null> {
  const asked = known.get(id) ?? members.find(id).then((person) => person?.name ?? null);
  known.set(id, asked);
  asked.catch(() => known.delete(id)); // it is asked again another time
  return asked;
}

/** Another member's name, which only members can read; null while it is unknown. */
export function useName(id: string | null, isMember: boolean): string | null {
  const [name, setName] = useState<string | null>(null);
  const isOnline = useOnline(client);
  useEffect(() => setName(null), [id, isMember]);
  useEffect(() => {
    let isCurrent = true;
    if (isMember && id) nameOf(id).then((found) => isCurrent && setName(found), () => {});
    return () => {
      isCurrent = false;
    };
  }, [id, isMember, isOnline]); // what failed offline is asked again
  return name;
}
