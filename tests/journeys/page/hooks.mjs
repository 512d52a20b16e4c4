/** A page whose components read, write and follow by the hooks of a GraphQL client of npm. */
export async function hooks(stage) {
  const step = stage.step.bind(stage);
  const visitor = await stage.visitor();
  const { page } = visitor;
  const shows = (text) => page.locator("output", { hasText: new RegExp(`^${text}$`) }).waitFor();
  const heard = (text) => page.locator("#heard", { hasText: text }).waitFor();
  const publish = async (title) => {
    await visitor.field("Title").fill(title);
    await visitor.button("Publish").click();
  };
  const send = async (query, variables) => {
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ query, variables });
    const { data, errors } = await (await fetch(`${stage.setting.api}/graphql`, { method: "POST", headers, body })).json();
    if (errors) throw new Error(JSON.stringify(errors));
    return data;
  };
  const create = (title) => send("mutation ($title: String) { createPost(input: {title: $title}) { id } }", { title });

  await step("a query's result is shown", async () => {
    await create("Kelp");
    await page.goto(stage.setting.page);
    await shows("Kelp");
  });

  await step("a mutation is carried out, and the list has its record", async () => {
    await publish("Sand");
    await shows("Sand, Kelp");
  });

  await step("a refusal has the message of its field", async () => {
    await publish("");
    await page.getByRole("alert").filter({ hasText: /^is required$/ }).waitFor();
    await shows("Sand, Kelp");
  });

  await step("what a mutation returns changes the list", async () => {
    await visitor.button("Rename Kelp").click();
    await shows("Sand, Kelp!");
  });

  await step("a subscription brings what others write, once it has begun", async () => {
    const isHeard = heard("create Shell");
    let isOver = false;
    void isHeard.then(() => (isOver = true), () => {});
    while (!isOver) await create("Shell");
    await isHeard;
  });

  await step("it goes on after the server was started again", async () => {
    await stage.ask("start the server again");
    const isHeard = heard("create Foam");
    let isOver = false;
    void isHeard.then(() => (isOver = true), () => {});
    while (!isOver) await create("Foam");
    await isHeard;
  });
}
