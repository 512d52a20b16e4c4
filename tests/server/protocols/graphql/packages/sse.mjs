/** node sse.mjs URL single|distinct: what npm graphql-sse is sent, as JSON. It asks for a restart of the server by a line
 * "restart", and continues after any line. */

import { createInterface } from "node:readline";
import { createClient } from "graphql-sse";

const [url, mode] = process.argv.slice(2);
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const streams = []; // the requests for one
const client = createClient({
  url,
  singleConnection: mode === "single",
  retryAttempts: 1_000,
  retry: () => new Promise((resolve) => setTimeout(resolve, 20)),
  fetchFn: (address, init) => {
    if (init.method !== "PUT" && init.headers.accept === "text/event-stream") streams.push(address);
    return fetch(address, init);
  },
});
const post = async (title) => {
  const query = "mutation ($title: String!) { createPost(input: {title: $title}) { id } }";
  const headers = { "content-type": "application/json" };
  await fetch(url, { method: "POST", headers, body: JSON.stringify({ query, variables: { title } }) });
};
const titles = ({ data }) => data.posts.map(({ record }) => record.title);
const follow = (query) => client.iterate({ query, extensions: { cursor: "" } });
const first = async (iterator) => (await iterator.next()).value;

const found = {};
const all = follow("subscription { posts { record { title } } }");
const some = follow('subscription { posts(where: {title: {contains: "b"}}) { record { title } } }');
found.begun = [titles(await first(all)), titles(await first(some))];
await post("abc");
found.both = [titles(await first(all)), titles(await first(some))];
await some.return();
await post("bcd");
found.one = titles(await first(all));
found.query = await first(client.iterate({ query: "{ posts(sort: [created_at_ASC]) { title } }" }));
found.streams = streams.length;
process.stdout.write("restart\n");
await answers.next();
found.again = titles(await first(all));
await post("after");
found.after = titles(await first(all));
await all.return();
client.dispose();
answers.return?.();
process.stdin.destroy();
process.stdout.write(`${JSON.stringify(found)}\n`);
