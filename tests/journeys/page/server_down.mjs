import { same } from "./stage.mjs";

const BO = { name: "Bo Scree", email: "bo@example.org", password: "battery at two percent" };
const IDA = { name: "Ida Ridge", email: "ida@example.org", password: "no signal up here" };

export async function serverDown(stage) {
  const step = stage.step.bind(stage);
  const ida = await stage.visitor();
  const bo = await stage.visitor();
  const guest = await stage.visitor();
  const helpful = "The shop can't be reached. Check your connection, then try again.";

  await step("a signed-in person reads posts while the server runs", async () => {
    await bo.signUp(BO);
    await bo.isAt("/posts");
    await ida.signUp(IDA);
    await ida.go("/posts");
    await ida.fill({ Title: "Before the outage", Text: "All is well." });
    await ida.button("Publish").click();
    await ida.told("Your post is published.");
  });

  await stage.ask("stop the server");

  await step("a refresh tells what to check, and what was loaded stays", async () => {
    await ida.button("Refresh").click();
    await ida.banner(helpful);
    await ida.told("The list could not be refreshed.");
    await ida.sees("Before the outage");
    await ida.pictures("posts-server-down");
  });

  await step("a post that can't be sent yet is shown, and counted", async () => {
    await ida.fill({ Title: "During the outage", Text: "Nobody hears this yet." });
    await ida.button("Publish").click();
    await ida.told("You are offline. This is kept on this device and sent later.");
    const waiting = ida.page.locator(".post", { hasText: "During the outage" });
    await waiting.getByText("Not sent yet").waitFor();
    same(await ida.page.getByText("Not sent yet").count(), 1);
    same(await ida.page.locator(".outbox").innerText(), "1 waiting");
    await ida.pictures("posts-waiting");
  });

  await step("log in and sign up tell what to check", async () => {
    await guest.logIn(IDA);
    await guest.banner(helpful);
    await guest.pictures("log-in-server-down");
    await guest.go("/register");
    await guest.fill({ Name: "Guest", "E-mail": "guest@example.org", Password: IDA.password });
    await guest.button("Create account").click();
    await guest.banner(helpful);
  });

  await step("the catalogue tells what to check", async () => {
    await guest.go("/");
    await guest.banner(helpful);
    await guest.pictures("catalogue-server-down");
  });

  await step("a reload during the outage doesn't sign out", async () => {
    await ida.go("/profile");
    await ida.page.reload();
    await ida.banner(helpful);
    await ida.isAt("/profile");
    same((await ida.tokens()) === null, false);
    await ida.pictures("guard-server-down");
    await bo.page.reload();
    await bo.sees("You are offline.");
    await bo.sees("Before the outage");
    await bo.isAt("/posts");
  });

  await step("trying again says that the server is still away", async () => {
    await ida.button("Try again").click();
    await ida.banner(helpful);
  });

  await stage.ask("start the server");

  await step("all screens continue by themselves once the server is back", async () => {
    await ida.page.locator(".banner").waitFor({ state: "detached" });
    await guest.heading("Alpine cheese").waitFor();
    await bo.seesNot("You are offline.");
    await bo.sees("During the outage");
    await bo.page.locator(".account-name", { hasText: BO.name }).waitFor();
    await bo.button("Publish").waitFor();
  });

  await step("what waited is sent once", async () => {
    await ida.allSent();
    await ida.page.getByText("Not sent yet").waitFor({ state: "detached" });
    const posts = await (await fetch(`${stage.setting.api}/posts`)).json();
    same(posts.filter((post) => post.title === "During the outage").length, 1);
  });

  await step("writing works again with the same session", async () => {
    await ida.go("/posts");
    await ida.sees("Before the outage");
    await ida.fill({ Title: "After the outage", Text: "" });
    await ida.button("Publish").click();
    await ida.told("Your post is published.");
  });
}
