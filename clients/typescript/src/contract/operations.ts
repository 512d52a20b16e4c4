/** A row of the table of operations. */
export interface Operation {
  readonly name: string;
  readonly method: string;
  /** `{name}` is a segment that is a field of the input. */
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
auth.totp POST
auth.totp.confirm POST
auth.totp.disable POST
auth.sessions GET
auth.sessions.end DELETE - auth/sessions/{id}
records.list GET - records/{collection}
records.create POST k records/{collection}
records.view GET - records/{collection}/{id}
records.replace PUT k records/{collection}/{id}
records.patch PATCH k records/{collection}/{id}
records.delete DELETE k records/{collection}/{id}
events.stream GET - events
events.ticket POST
sync.push POST r
sync.pull POST r`;

const operation = (name: string, method: string, flags = "", path = name.replaceAll(".", "/")): Operation => ({
  name, method, path: `/v1/${path}`,
  hasAuth: !flags.includes("u"), hasKey: flags.includes("k"), isRepeatable: flags.includes("r"),
});

/** What users' clients call; administrators' operations are called by path. */
export const OPERATIONS: ReadonlyMap<string, Operation> = new Map(TABLE.split("\n").map((row) => {
  const [name, method, flags, path] = row.split(" ") as [string, string, string?, string?];
  return [name, operation(name, method, flags, path)];
}));

/** The row of an app's own operation. */
export const ownOperation = (name: string, method: string): Operation =>
  operation(name, method, "", `functions/${encodeURIComponent(name)}`);
