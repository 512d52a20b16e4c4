/** In the place of an IndexedDB in memory. */

import { installSqlite } from "../../src/sqlite/index.js";
import { openSlowly } from "./sqlite.js";

installSqlite(openSlowly);
