/** node compose.mjs < [{"name": "the text of a subgraph's schema", …}, …]: prints, for each set of subgraphs, the errors of their
 * composition, and the fields of its type Post. */

import { readFileSync } from "node:fs";
import { composeServices } from "@apollo/composition";
import { parse } from "graphql";

function composed(subgraphs) {
  const services = Object.entries(subgraphs).map(([name, text]) => ({ name, url: `http://${name}.example/graphql`, typeDefs: parse(text) }));
  const { errors = [], schema } = composeServices(services);
  return { errors: errors.map(String), fields: schema ? schema.type("Post").fields().map(({ name }) => name) : [] };
}

process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(composed)));
