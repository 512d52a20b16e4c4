/** The page of docs/graphql-clients.md: a form that signs up, notes with pages, and what others write. */
export async function graphqlPage(stage) {
  const step = stage.step.bind(stage);
  const visitor = await stage.visitor();
  const { page } = visitor;
  const titles = () => page.locator("li").evaluateAll((all) => all.map(({ firstChild }) => firstChild.data));
  const shows = async (...wanted) => {
    const text = wanted.join();
    await page.waitForFunction(
      (text) => [...document.querySelectorAll("li")].map(({ firstChild }) => firstChild.data).join() === text, text,
    ).catch(async () => {
      throw new Error(`shown are ${await titles()}, not ${text}`);
    });
  };
  const add = async (title) => {
    await visitor.field("Title").fill(title);
    await visitor.button("Add").click();
  };

  await step("signing up shows the user's notes", async () => {
    await page.goto(stage.setting.page);
    await visitor.field("Email").fill("ada@example.org");
    await visitor.field("Password").fill("7 lean oysters");
    await visitor.button("Sign up").click();
    await visitor.field("Title").waitFor();
  });

  await step("a mutation adds to the list, and a refused one shows its message", async () => {
    for (const title of ["a", "b"]) {
      await add(title);
      await page.locator("li", { hasText: title }).first().waitFor();
    }
    await add("");
    await page.getByRole("alert").filter({ hasText: "title: is required" }).waitFor();
    await shows("b", "a");
  });

  await step("a change is shown at once", async () => {
    await visitor.button("Rename a").click();
    await shows("b", "a!");
  });

  await step("what another program writes is shown", async () => {
    for (const title of ["c", "d"]) {
      await stage.ask(`write ${title}`);
      await page.locator("li", { hasText: title }).first().waitFor();
    }
    await shows("d", "c", "b");
  });

  await step("the next page is added", async () => {
    await visitor.button("More").click();
    await shows("d", "c", "b", "a!");
  });
}
