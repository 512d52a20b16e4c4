// A GraphQL server of npm's `graphql-ws`, which knows no cursors: prints its port, and stops when its stdin ends.
import { buildSchema } from "graphql";
import { useServer } from "graphql-ws/use/ws";
import { WebSocketServer } from "ws";

const schema = buildSchema(`
  type Query { hello(name: String!): String! fails: String }
  type Mutation { say(text: String!): Int! }
  type Said { text: String! }
  type Subscription { said: Said! counted(to: Int!): Int! }
`);
const listeners = new Set();

async function* said() {
  const waiting = [];
  let wake = () => {};
  const listener = (text) => {
    waiting.push(text);
    wake();
  };
  listeners.add(listener);
  try {
    for (;;) {
      while (waiting.length > 0) yield { said: { text: waiting.shift() } };
      await new Promise((resolve) => (wake = resolve));
    }
  } finally {
    listeners.delete(listener);
  }
}

async function* counted({ to }) {
  for (let number = 1; number <= to; number += 1) yield { counted: number };
}

const roots = {
  query: {
    hello: ({ name }) => `Hello ${name}`,
    fails: () => {
      throw new Error("planted");
    },
  },
  mutation: {
    say: ({ text }) => {
      for (const listener of listeners) listener(text);
      return listeners.size;
    },
  },
  subscription: { said, counted },
};

const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2] ?? 0) });
useServer(
  { schema, roots, onConnect: ({ connectionParams }) => connectionParams?.token === "let me in" },
  server,
);
server.on("listening", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit(0)).resume();
