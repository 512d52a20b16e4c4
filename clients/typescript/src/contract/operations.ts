/** A row of the table of operations. */
export interface Operation {
  readonly name: string;
  readonly method: string;
  /** Where it ends with a slash, the rest is the call's. */
  readonly path: string;
  /** Whether the session's access token is sent. */
  readonly hasAuth: boolean;
  /** Whether a write has an idempotency key, so that it may be repeated. */
  readonly hasKey: boolean;
  /** Whether it may be sent again where the response was lost, though the method does not say so. */
  readonly isRepeatable: boolean;
}

// name, method, flags: k has a key, r may be repeated, u goes without the access token; path below /v1 where it is not
// the name's with slashes.
const TABLE = `auth.signup POST ku
auth.login POST ru
auth.refresh POST ru
auth.challenge POST u
auth.logout POST r
auth.me GET
auth.password POST
auth.email POST
auth.delete POST
auth.sessions GET
auth.sessions.end DELETE - auth/sessions/
records.list GET - records/
records.create POST k records/
records.view GET - records/
records.replace PUT k records/
records.patch PATCH k records/
records.delete DELETE k records/
events.stream GET - events
sync.push POST r
sync.pull POST r`;

/** What the client itself calls. */
export const OPERATIONS: ReadonlyMap<string, Operation> = new Map(TABLE.split("\n").map((row) => {
  const [name, method, flags = "", path = name!.replaceAll(".", "/")] = row.split(" ") as [string, string, string?, string?];
  return [name, {
    name, method, path: `/v1/${path}`,
    hasAuth: !flags.includes("u"), hasKey: flags.includes("k"), isRepeatable: flags.includes("r"),
  }];
}));
