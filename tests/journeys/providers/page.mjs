/** The same packages in a page: `drive(name, url, calls)` answers what the calls answered. */

import refine from "@refinedev/simple-rest";
import jsonServer from "ra-data-json-server";
import simpleRest from "ra-data-simple-rest";
import { made } from "./calls.mjs";

const PACKAGES = {
  "@refinedev/simple-rest": refine,
  "ra-data-json-server": jsonServer,
  "ra-data-simple-rest": simpleRest,
};
window.drive = (name, url, calls) => made(PACKAGES[name](url), calls);
