/** Adds TanStack DB to the tests' page. */

import { createCollection, createLiveQueryCollection, eq } from "@tanstack/db";
import { hinterlandCollectionOptions } from "../../src/tanstack/index.js";
import type {} from "../support/page.js";

interface Note {
  id: string;
  title: string;
  word?: string | null;
}

function collections() {
  const notes = createCollection(hinterlandCollectionOptions<Note>(hl.local, "notes"));
  const hot = createLiveQueryCollection((query) =>
    query.from({ note: notes }).where(({ note }) => eq(note.word, "hot")).orderBy(({ note }) => note.title, "desc"));
  return { notes, hot };
}

const page = {
  ...({} as ReturnType<typeof collections>),
  follow: () => Object.assign(page, collections()).hot.preload(),
  titles: (): string[] => page.hot.toArray.map(({ title }) => title),
};

export type TanstackPage = typeof page;
declare global {
  var db: TanstackPage;
}
globalThis.db = page;
