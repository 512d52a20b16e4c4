/** A value of a statement. */
export type SqliteValue = string | number | null;

/** An open SQLite database: what an app writes for its library in a few lines. Calls come one after another. */
export interface SqliteDriver {
  /** Runs one statement with its values for `?`; the rows of its result, each as the list of its columns. */
  run(sql: string, values: SqliteValue[]): unknown[][] | Promise<unknown[][]>;
  /** Closes the database. */
  close(): void | Promise<void>;
}
