import * as hinterland from "../../src/index.js";

declare global {
  var api: typeof hinterland;
  var seen: string[];
}
globalThis.api = hinterland;
globalThis.seen = [];
