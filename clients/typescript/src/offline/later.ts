/** What is loaded behind the first paint, in a file of its own. */

export { compile, UnsupportedExpression } from "../contract/cel/index.js";
export { createLoop } from "./loop.js";
