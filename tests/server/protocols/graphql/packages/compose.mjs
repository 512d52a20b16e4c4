/** node compose.mjs < {"name": "the text of a subgraph's schema", …}: prints the errors of their composition, and the types. */

import { readFileSync } from "node:fs";
import { composeServices } from "@apollo/composition";
import { parse } from "graphql";

const subgraphs = JSON.parse(readFileSync(0, "utf8"));
const services = Object.entries(subgraphs).map(([name, text]) => ({ name, url: `http://${name}.example/graphql`, typeDefs: parse(text) }));
const { errors = [], schema } = composeServices(services);
const fields = schema ? schema.type("Post").fields().map(({ name }) => name) : [];
process.stdout.write(JSON.stringify({ errors: errors.map(String), fields }));
