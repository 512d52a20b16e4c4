/** GraphiQL for the endpoint that served this page. */

import "graphiql/style.css";
import "./page.css";

import { setNonce } from "get-nonce";
import { GraphiQL } from "graphiql";
import { getOperationAST, parse } from "graphql";
import { createClient } from "graphql-sse";
import { createRoot } from "react-dom/client";

const DOCUMENT = `# Ctrl+Space completes, Ctrl+Enter sends.
# A token goes into Headers below:
# {"authorization": "Bearer …"}

query {
  __typename
}
`;

// The styles that the page adds while it runs; the server's policy allows those with this nonce.
setNonce(document.querySelector("script[nonce]").nonce);

const url = location.pathname;

/** The response to a query or mutation; the responses to a subscription, as they come. */
function fetcher({ operationName, ...request }, { headers } = {}) {
  const only = operationOf(request.query, null);
  if (only?.operation === "subscription") return stream(request, headers);
  if (only || !operationName) return respond(request, headers); // the editor's name may be that of what was there before
  const named = { ...request, operationName };
  return operationOf(request.query, operationName)?.operation === "subscription" ? stream(named, headers) : respond(named, headers);
}

/** The operation with this name; without one, the only operation, or null. */
function operationOf(query, name) {
  try {
    return getOperationAST(parse(query), name);
  } catch {
    return null; // which the server explains
  }
}

async function respond(request, headers) {
  const accepted = { accept: "application/graphql-response+json", "content-type": "application/json" };
  const response = await fetch(url, { method: "POST", headers: { ...accepted, ...headers }, body: JSON.stringify(request) });
  return response.json();
}

function stream(request, headers) {
  return createClient({ url, headers, retryAttempts: 0 }).iterate(request);
}

createRoot(document.getElementById("graphiql")).render(
  <GraphiQL
    fetcher={fetcher}
    defaultEditorToolsVisibility={matchMedia("(min-width: 700px)").matches ? "headers" : false}
    defaultQuery={DOCUMENT}
    isHeadersEditorEnabled
    shouldPersistHeaders={false}
  />,
);
