import { readdirSync, readFileSync, unlinkSync } from "node:fs";
import { join } from "node:path";

/**
 * The setting of a server's database: one of the connection strings of empty PostgreSQL databases in the folder
 * `DATABASES`, each of which is used once; without the folder none, so that the server makes an SQLite file.
 */
export function ownDatabase(): Record<string, string> {
  const folder = process.env["DATABASES"];
  if (!folder) return {};
  for (const name of readdirSync(folder)) {
    try {
      const url = readFileSync(join(folder, name), "utf8");
      unlinkSync(join(folder, name));
      return { HINTERLAND_DATABASE_URL: url };
    } catch {
      // Another process has taken it.
    }
  }
  throw new Error(`no empty database is left in ${folder}`);
}
