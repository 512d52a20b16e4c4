/** node node.mjs PACKAGE URL <calls.json: the calls of a package's data provider, made by Node. */

import { readFileSync } from "node:fs";
import { made } from "./calls.mjs";

const [name, url] = process.argv.slice(2);
const { default: provide } = await import(name);
console.log(JSON.stringify(await made(provide(url), JSON.parse(readFileSync(0, "utf8")))));
