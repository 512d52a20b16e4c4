import { same } from "./stage.mjs";

const EVA = { name: "Eva Brook", email: "eva@example.org", password: "a bridge of two planks" };
const STREAM = "GET /v1/events", SOCKET = "WebSocket /v1/socket", GRAPHQL = "WebSocket /graphql";
const WAYS = { "": STREAM, "?live=events": STREAM, "?live=socket": SOCKET, "?live=graphql": GRAPHQL };

/** What others write appears by itself, whatever the changes come over. */
export async function live(stage) {
  const step = stage.step.bind(stage);
  const { api, page: address } = stage.setting;
  const eva = await stage.visitor();
  const title = (visitor, text) => visitor.page.locator(".post", { hasText: text });
  let headers;
  const publish = async (text) => {
    const body = JSON.stringify({ title: text });
    same((await fetch(`${api}/v1/records/posts`, { method: "POST", headers, body })).status, 201);
  };

  /** A visitor whose page follows changes that way, and the connections that it has opened for it. */
  async function follower(query, isStoreless) {
    const visitor = await stage.visitor();
    const opened = new Set();
    const begun = new Promise((resolve) => {
      const open = (kind, url) => {
        const way = `${kind} ${new URL(url).pathname}`;
        if (![STREAM, SOCKET, GRAPHQL].includes(way)) return;
        opened.add(way);
        resolve();
      };
      visitor.page.on("response", (response) => open(response.request().method(), response.url()));
      // Its answer to the subscription, or to the whole of it, has come.
      visitor.page.on("websocket", (socket) => socket.on("framereceived", ({ payload }) =>
        /"type":"(ready|position|next)"/.test(payload) && open("WebSocket", socket.url())));
    });
    if (isStoreless) {
      await visitor.page.addInitScript(() => {
        IDBFactory.prototype.open = () => {
          throw new DOMException("no database is allowed", "InvalidStateError");
        };
      });
    }
    await visitor.page.goto(`${address}/${query}#/posts`);
    await begun;
    return { visitor, opened };
  }

  await step("a person publishes", async () => {
    await eva.signUp(EVA);
    headers = { Authorization: `Bearer ${(await eva.tokens()).access}`, "Content-Type": "application/json" };
    await publish("first");
  });

  for (const [query, way] of Object.entries(WAYS)) {
    const name = query || "the default";
    await step(`${name}: what another publishes appears`, async () => {
      const { visitor, opened } = await follower(query, false);
      await title(visitor, "first").waitFor();
      const pulls = visitor.sent("/v1/sync/pull");
      await publish(`over ${name}`);
      await title(visitor, `over ${name}`).waitFor();
      same([...opened], [way]);
      same(visitor.sent("/v1/sync/pull") > pulls, way === GRAPHQL); // GraphQL says that there is something to read
      await visitor.pictureIfWanted(`live-${way.replaceAll(/\W+/g, "-")}`);
      await visitor.page.close();
    });
    await step(`${name}: it does so where nothing is kept`, async () => {
      const { visitor, opened } = await follower(query, true);
      await title(visitor, "first").waitFor();
      await publish(`unkept, over ${name}`);
      await title(visitor, `unkept, over ${name}`).waitFor();
      same([...opened], [way]);
      await visitor.page.close();
    });
  }
}
