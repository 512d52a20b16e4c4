/** Collections of TanStack DB over the local store. */

import type { CollectionConfig, SyncConfig } from "@tanstack/db";
import type { Write } from "../contract/changes.js";
import { difference } from "../contract/patches.js";
import type { Doc } from "../contract/values.js";
import { type LiveQuery, type Local, outcomeError, type QueryState, type RecordId } from "../offline/index.js";

type Keyed = { id: RecordId };
type Passed<T extends Keyed> = Pick<CollectionConfig<T, T["id"]>,
  "id" | "gcTime" | "startSync" | "autoIndex" | "defaultIndexType" | "compare" | "defaultStringCollation">;

/** The settings of `hinterlandCollectionOptions`, and those of TanStack DB's collections that are passed on. */
export interface HinterlandCollectionOptions<T extends Keyed> extends Passed<T> {
  /** The path of the record that owns the collection's records, `posts/42`. */
  parent?: string;
  /** Which records the collection has; all, if it is left out. */
  query?: Omit<LiveQuery<T>, "sort" | "limit">;
  /** When a transaction is complete: its writes are stored on this device, which is the default, or the server has decided. */
  until?: "stored" | "settled";
}

/** A write of a transaction. */
interface Mutation {
  readonly type: "insert" | "update" | "delete";
  readonly key: RecordId;
  readonly original: object;
  readonly modified: object;
  readonly changes: object;
  readonly collection: unknown;
}

/** What a collection has beside its records, as `collection.utils`. */
export interface HinterlandUtils {
  [name: string]: (...input: any[]) => any;
  /** For the `mutationFn` of your own transactions: stores those of its writes that are of this collection. */
  acceptMutations(transaction: { readonly mutations: readonly Mutation[] }): Promise<void>;
}

const WRITES = {
  insert: ({ key, modified: { id, ...body } }: Mutation & { modified: Doc }) => ({ act: "create", id: key, body }),
  update: ({ key, original, modified, changes }: Mutation) => ({
    act: "patch", id: key,
    body: Object.fromEntries(Object.entries(difference(original as Doc, modified as Doc))
      .filter(([name]) => name in changes)),
  }),
  delete: ({ key }: Mutation) => ({ act: "delete", id: key }),
} as unknown as Record<Mutation["type"], (mutation: Mutation) => Pick<Write, "act" | "id" | "body">>;

/**
 * The options of a collection whose records are those of the local store. Its writes go to the outbox; a transaction is
 * rolled back, with the error, where the store or, with `until: "settled"`, the server refuses them.
 */
export function hinterlandCollectionOptions<T extends Keyed>(
  local: Local, name: string, { parent = "", query = {}, until, ...rest }: HinterlandCollectionOptions<T> = {},
): CollectionConfig<T, T["id"], never, HinterlandUtils> & { schema?: never; utils: HinterlandUtils } {
  const records = local.collection<T>(name, { parent }).states(query as LiveQuery<T>);
  let follow = (_: QueryState<T>) => {};
  let own: unknown;

  async function store(mutations: readonly Mutation[]): Promise<void> {
    if (!mutations.length) return;
    const handle = await local.write(mutations.map((one) => ({ ...WRITES[one.type](one), collection: name, parent })));
    if (until === "settled") {
      const outcome = await handle.settled();
      if (outcome.status !== "applied") throw outcomeError(outcome);
    }
    follow(records.state); // what the transaction has shown goes over to the records without a gap
  }
  const handler = async ({ transaction }: { transaction: { mutations: unknown } }) => store(transaction.mutations as Mutation[]);

  const sync: SyncConfig<T, T["id"]>["sync"] = ({ collection, begin, write, commit, markReady, markError, truncate }) => {
    const shown = new Map<T["id"], T>();
    let isReady = false;
    own = collection;
    follow = ({ data, isLoading, error }) => {
      if (!data && shown.size) {
        begin();
        truncate({ markReady: false }); // of another account, or wiped
        commit();
        shown.clear();
      }
      const now = new Map(data?.map((record) => [record.id, record]));
      const gone = [...shown.keys()].filter((key) => !now.has(key));
      const different = [...now].filter(([key, record]) => shown.get(key) !== record);
      if (gone.length || different.length) {
        begin();
        for (const key of gone) write({ type: "delete", key }), shown.delete(key);
        for (const [key, value] of different) {
          write({ type: shown.has(key) ? "update" : "insert", value });
          shown.set(key, value);
        }
        commit();
      }
      if (isReady) return;
      if (data) markReady(), isReady = true;
      else if (!isLoading) markError(error);
    };
    const stop = records.subscribe((state) => follow(state));
    follow(records.state);
    return () => {
      stop();
      follow = () => {};
    };
  };

  return {
    ...rest, sync: { sync, rowUpdateMode: "full" },
    getKey: ({ id }) => id, onInsert: handler, onUpdate: handler, onDelete: handler,
    utils: {
      acceptMutations: ({ mutations }: { readonly mutations: readonly Mutation[] }) =>
        store(mutations.filter(({ collection }) => !own || collection === own)),
    },
  };
}
