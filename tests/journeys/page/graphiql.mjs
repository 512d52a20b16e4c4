import { same } from "./stage.mjs";

const ADA = { name: "Ada", email: "ada@example.org", password: "a lamp and two batteries" };
const SIZES = { small: [320, 640], phone: [390, 780], desk: [1280, 800] };
const DOCUMENT = `query Feed {
  posts(limit: 3) { id title }
  postsConnection(first: 2) { totalCount edges { cursor node { title } } }
}`;

const editor = (name) => `.graphiql-${name} .CodeMirror`;

/** GraphiQL as a developer uses it: it loads by the policy of the page, and reaches the server that served it. */
export async function graphiql(stage) {
  const step = stage.step.bind(stage);
  const visitor = await stage.visitor();
  const { page } = visitor;
  const set = (name, text) => page.locator(editor(name)).last().evaluate((found, text) => found.CodeMirror.setValue(text), text);
  const run = () => page.locator(".graphiql-execute-button").click();
  const shows = async (text) => {
    const isShown = (text) => document.querySelector(".result-window .CodeMirror")?.CodeMirror.getValue().includes(text);
    await page.waitForFunction(isShown, text);
  };
  const post = async (query, token) => {
    const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
    const response = await fetch(stage.setting.page, { method: "POST", headers, body: JSON.stringify({ query }) });
    return (await response.json()).data;
  };
  let token;

  await step("it loads, and reads the schema", async () => {
    await page.goto(stage.setting.page);
    await page.getByLabel("Show Documentation Explorer").click();
    await page.getByRole("link", { name: "Mutation", exact: true }).waitFor();
    await page.getByLabel("Hide Documentation Explorer").click();
  });

  await step("a query is answered", async () => {
    const { name, email, password } = ADA;
    const signUp = `mutation { signUp(email: "${email}", password: "${password}", profile: {name: "${name}"}) { access_token } }`;
    token = (await post(signUp)).signUp.access_token;
    await post('mutation { createPost(input: {title: "The harbour at night", body: "…"}) { id } }', token);
    await set("query-editor", DOCUMENT);
    await run();
    await shows("The harbour at night");
  });

  await step("it fits its window, light and dark", async () => {
    for (const [size, [width, height]] of Object.entries(SIZES)) {
      await page.setViewportSize({ width, height });
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        await visitor.pictureIfWanted(`graphiql-${size}-${colorScheme}`);
      }
      const excess = await page.evaluate(() => {
        const { scrollWidth, scrollHeight } = document.documentElement;
        const { bottom } = document.querySelector(".graphiql-container").getBoundingClientRect();
        return [scrollWidth - innerWidth, scrollHeight - innerHeight, Math.round(innerHeight - bottom)];
      });
      same(excess, [0, 0, 0]);
      const [toolbar, tools] = await page.evaluate(() =>
        ["toolbar", "editor-tools"].map((name) => document.querySelector(`.graphiql-${name}`).getBoundingClientRect()).map(({ top, bottom }) => ({ top, bottom })),
      );
      same(toolbar.bottom <= tools.top, true);
    }
  });

  await step("the token in its headers is sent", async () => {
    await set("query-editor", "{ me { name } }");
    await run();
    await shows('"me": null');
    await set("editor-tool", JSON.stringify({ authorization: `Bearer ${token}` }));
    await run();
    await shows('"name": "Ada"');
  });

  await step("a subscription shows changes as they come", async () => {
    await set("query-editor", "subscription { posts { kind record { title } } }");
    const asked = page.waitForResponse((response) => response.headers()["content-type"]?.startsWith("text/event-stream"));
    await run();
    await asked;
    await post('mutation { createPost(input: {title: "Fog", body: "…"}) { id } }', token);
    await shows("Fog");
  });

  await step("the console has no message", () => same(visitor.logged, []));
}
