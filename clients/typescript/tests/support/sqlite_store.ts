/** In the place of an IndexedDB in memory. */

import { installSqlite } from "../../src/sqlite/index.js";
import { openSqlite } from "./sqlite.js";

installSqlite(openSqlite);
