import { same } from "./stage.mjs";

const ADA = { "E-mail": "ada@example.org", Password: "7 lean oysters" };
const TITLES = ["First", "Second", "Third"];

/** The page of docs/first-offline-app.md, as it says under "Try it". */
export async function firstApp(stage) {
  const ada = await stage.visitor();
  const other = await stage.visitor();
  const step = stage.step.bind(stage);

  const add = async (visitor, title) => {
    await visitor.fill({ "New note": title });
    await visitor.button("Add").click();
    await visitor.page.locator("li", { hasText: title }).waitFor();
  };
  const state = (visitor, text) => visitor.page.locator("output", { hasText: text }).waitFor();

  await step("sign up, and add a note", async () => {
    await ada.page.goto(stage.setting.page);
    await ada.fill({ ...ADA, Password: "short" });
    await ada.button("Sign up").click();
    await ada.page.getByRole("alert").filter({ hasText: "password" }).waitFor();
    await ada.fill(ADA);
    await ada.button("Sign up").click();
    await add(ada, "First");
    await state(ada, "online, 0 not sent yet");
  });

  await stage.ask("stop the server");

  await step("add two notes without the server", async () => {
    await add(ada, "Second");
    await add(ada, "Third");
    await state(ada, "offline, 2 not sent yet");
  });

  await stage.ask("start the server");

  await step("they are sent when it is back", () => state(ada, "online, 0 not sent yet"));

  await stage.ask("stop the watch");

  await step("a second browser has all notes, and both have each new one", async () => {
    await other.page.goto(stage.setting.page);
    await other.fill(ADA);
    await other.button("Log in").click();
    await other.page.locator("li", { hasText: "Third" }).waitFor();
    same(await other.page.locator("li").allTextContents(), TITLES);
    await add(other, "Zeroth");
    await ada.page.locator("li", { hasText: "Zeroth" }).waitFor();
  });
}
