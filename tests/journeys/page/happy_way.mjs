import { same } from "./stage.mjs";

const ADA = { name: "Ada Marsh", email: "ada@example.org", password: "a walk over the moor" };
const CLEO = { name: "Cleo Fell", email: "cleo@example.org", password: "one rope for three" };
const BEN = { name: "Ben Hill", email: "ben@example.org", password: "two huts and a stream" };

export async function happyWay(stage) {
  const step = stage.step.bind(stage);
  const ada = await stage.visitor();
  const ben = await stage.visitor();
  const entry = (visitor, title) => visitor.page.locator(".entry", { hasText: title });
  const post = (visitor, title) => visitor.page.locator(".post", { hasText: title });

  await step("a spinner turns until the first answer", async () => {
    const letGo = await ada.hold("**/v1/sync/pull");
    await ada.go("/");
    await ada.page.getByRole("status").getByText("Loading the catalogue…").waitFor();
    await ada.pictureIfWanted("catalogue-loading");
    letGo();
    await ada.seesNot("Loading the catalogue…");
  });

  await step("the catalogue is read without an account, page by page", async () => {
    await ada.heading("Alpine cheese").waitFor();
    await ada.sees("26 products");
    await ada.pictures("catalogue");
    same(await ada.page.locator(".product").count(), 24);
    await ada.button("Show more").click();
    await ada.heading("Wool blanket").waitFor();
    same(await ada.page.locator(".product").count(), 26);
    same(await ada.button("Show more").count(), 0);
  });

  await step("the search box narrows the catalogue", async () => {
    await ada.field("Search products").fill("wool");
    await ada.heading("Enamel mug").waitFor({ state: "detached" });
    same(await ada.page.locator(".product").count(), 1);
    await ada.field("Search products").fill("GEAR mug");
    await ada.heading("Enamel mug").waitFor();
    same(await ada.page.locator(".product").count(), 1);
    await ada.field("Search products").fill("there is none of this");
    await ada.heading("Nothing found").waitFor();
    await ada.pictures("catalogue-nothing-found");
    await ada.button("Show all").click();
    await ada.heading("Enamel mug").waitFor();
  });

  await step("an empty list of posts says so", async () => {
    await ada.go("/posts");
    await ada.heading("No posts yet").waitFor();
    await ada.pictures("posts-empty-signed-out");
  });

  await step("a protected screen sends to log in, which links to register", async () => {
    await ada.go("/lists");
    await ada.isAt("/login");
    await ada.sees("Please log in to see this page.");
    await ada.pictures("log-in");
    await ada.link("Create an account").click();
    await ada.isAt("/register");
    await ada.pictures("sign-up");
  });

  await step("the password is shown and hidden", async () => {
    await ada.field("Password").fill(ADA.password);
    same(await ada.field("Password").getAttribute("type"), "password");
    await ada.button("Show password").click();
    same(await ada.field("Password").getAttribute("type"), "text");
    await ada.button("Hide password").click();
    same(await ada.field("Password").getAttribute("type"), "password");
  });

  await step("the button is off while busy, and one press sends one request", async () => {
    const letGo = await ada.hold("**/v1/auth/signup");
    await ada.fill({ Name: ADA.name, "E-mail": ADA.email, Password: ADA.password });
    await ada.field("Password").press("Enter");
    await ada.field("Password").press("Enter");
    await ada.page.locator("button[type=submit][aria-busy=true]:disabled").waitFor();
    await ada.pictureIfWanted("sign-up-busy");
    letGo();
    await ada.told("Welcome, Ada Marsh");
    same(ada.sent("/v1/auth/signup"), 1);
  });

  await step("signing up signs in and leads back to the protected screen", async () => {
    await ada.isAt("/lists");
    await ada.heading("Your list is empty").waitFor();
    await ada.pictures("list-empty");
  });

  await step("an entry is added, ticked and deleted, each with a message", async () => {
    await ada.fill({ "New entry": "Tent pegs" });
    await ada.button("Add").click();
    await ada.told("“Tent pegs” is on your list.");
    same(await ada.field("New entry").inputValue(), "");
    await entry(ada, "Tent pegs").getByRole("checkbox").click();
    await ada.told("“Tent pegs” is done.");
    same(await entry(ada, "Tent pegs").getByRole("checkbox").isChecked(), true);
    await entry(ada, "Tent pegs").getByRole("button", { name: "Delete" }).click();
    await entry(ada, "Tent pegs").getByText("Delete this entry?").waitFor();
    await ada.pictures("list-delete-question");
    await entry(ada, "Tent pegs").getByRole("button", { name: "Keep" }).click();
    await entry(ada, "Tent pegs").getByRole("button", { name: "Delete" }).click();
    await entry(ada, "Tent pegs").getByRole("button", { name: "Yes, delete" }).click();
    await ada.told("“Tent pegs” is deleted.");
    await ada.heading("Your list is empty").waitFor();
  });

  await step("a product is put on the list from the catalogue", async () => {
    await ada.go("/");
    const product = ada.page.locator(".product", { hasText: "Enamel mug" });
    await product.getByRole("button", { name: "Put on my list" }).click();
    await ada.told("Enamel mug is on your list.");
    await ada.go("/lists");
    await entry(ada, "Enamel mug").waitFor();
  });

  await step("a post is published, edited and the list refreshed, each with a message", async () => {
    await ada.go("/posts");
    await ada.fill({ Title: "The hut is open", Text: "Snow is gone.\nBring your own firewood." });
    await ada.button("Publish").click();
    await ada.told("Your post is published.");
    await post(ada, "The hut is open").getByText("You ·").waitFor();
    await post(ada, "The hut is open").getByRole("button", { name: "Edit" }).click();
    const form = ada.page.getByRole("form", { name: "Save" });
    await form.getByLabel("Title").fill("The upper hut is open");
    await ada.pictures("posts-editing");
    await ada.button("Save").click();
    await ada.told("Your changes are saved.");
    await post(ada, "The upper hut is open").waitFor();
    await ada.button("Refresh").click();
    await ada.told("The list is up to date.");
    await post(ada, "The upper hut is open").waitFor();
  });

  await step("another person reads the post and can't change it", async () => {
    await ben.signUp(BEN);
    await ben.go("/posts");
    await post(ben, "The upper hut is open").getByText("Ada Marsh ·").waitFor();
    same(await post(ben, "The upper hut is open").getByRole("button").count(), 0);
    await ben.fill({ Title: "Bridge is out", Text: "Take the ford, 200 m up." });
    await ben.button("Publish").click();
    await ben.told("Your post is published.");
    await ben.pictures("posts");
  });

  await step("a list is the owner's alone until it is shared", async () => {
    await ben.go("/lists");
    await ben.heading("Your list is empty").waitFor();
    await ben.go("/profile");
    const benId = await ben.page.locator("dd code").innerText();
    await ada.go("/lists");
    await entry(ada, "Enamel mug").getByRole("button", { name: "Share" }).click();
    await ada.fill({ "Their id": benId });
    await ada.pictures("list-sharing");
    await ada.page.locator(".share").getByRole("button", { name: "Share" }).click();
    await ada.told("“Enamel mug” is shared with Ben Hill.");
    await ada.sees("Shared with 1 person");
    await ben.go("/lists");
    await ben.button("Refresh").click();
    await entry(ben, "Enamel mug").getByText("Shared with you by Ada Marsh").waitFor();
    await ben.pictures("list-shared-with-me");
  });

  await step("two people who share at once both succeed", async () => {
    const { access } = await ada.tokens();
    const call = { headers: { Authorization: `Bearer ${access}`, "Content-Type": "application/json" } };
    const lists = `${stage.setting.api}/v1/records/lists`;
    await ada.allSent();
    const { items } = await (await fetch(lists, call)).json();
    const [before] = items.filter(({ title }) => title === "Enamel mug");
    await entry(ada, "Enamel mug").getByRole("button", { name: "Share" }).click();
    const cleo = await stage.visitor();
    await cleo.signUp(CLEO);
    await cleo.go("/profile");
    const cleoId = await cleo.page.locator("dd code").innerText();
    await fetch(`${lists}/${before.id}`, { method: "PATCH", body: '{"members": {"$add": ["someone"]}}', ...call });
    await ada.fill({ "Their id": cleoId });
    await ada.page.locator(".share").getByRole("button", { name: "Share" }).click();
    await ada.told("“Enamel mug” is shared with Cleo Fell.");
    await ada.sees("Shared with 3 people");
    await ada.allSent();
    const after = await (await fetch(`${lists}/${before.id}`, call)).json();
    same(after.members, [...before.members, "someone", cleoId]);
  });

  await step("a post is deleted after asking once more", async () => {
    await ada.go("/posts");
    const mine = post(ada, "The upper hut is open");
    await mine.getByRole("button", { name: "Delete" }).click();
    await ada.pictures("posts-delete-question");
    await mine.getByRole("button", { name: "Keep" }).click();
    await mine.getByRole("button", { name: "Delete" }).click();
    await mine.getByRole("button", { name: "Yes, delete" }).click();
    await ada.told("“The upper hut is open” is deleted.");
    await mine.waitFor({ state: "detached" });
    await ben.go("/posts");
    await ben.button("Refresh").click();
    await post(ben, "The upper hut is open").waitFor({ state: "detached" });
    await post(ben, "Bridge is out").waitFor();
  });

  await step("posts beyond the first page are a press away, and the newest is always seen", async () => {
    const { access } = await ben.tokens();
    const call = { headers: { Authorization: `Bearer ${access}`, "Content-Type": "application/json" } };
    for (let number = 1; number <= 60; number += 1) {
      const body = JSON.stringify({ title: `Note ${number}`, body: "" });
      await fetch(`${stage.setting.api}/posts`, { method: "POST", body, ...call });
    }
    await ben.go("/posts");
    await ben.button("Refresh").click();
    await post(ben, /^Note 60/).waitFor();
    same(await ben.page.locator(".post").count(), 50);
    await ben.button("Show more").click();
    await post(ben, "Bridge is out").waitFor();
    same(await ben.page.locator(".post").count(), 61);
    same(await ben.button("Show more").count(), 0);
  });

  await step("the profile shows the account", async () => {
    await ada.go("/profile");
    await ada.heading(ADA.name).waitFor();
    await ada.sees(ADA.email);
    await ada.sees("The browser may clear it when space runs low");
    await ada.pictures("profile");
  });

  await step("a reload stays signed in", async () => {
    await ada.page.reload();
    await ada.heading(ADA.name).waitFor();
    await ada.isAt("/profile");
  });

  await step("logging out ends the session and the guard stands again", async () => {
    const before = await ada.tokens();
    await ada.page.locator("header").getByRole("button", { name: "Log out" }).click();
    await ada.told("You are logged out.");
    same(await ada.tokens(), null);
    await ada.go("/profile");
    await ada.isAt("/login");
    const answer = await fetch(`${stage.setting.api}/auth/refresh`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ refresh_token: before.refresh }),
    });
    same([answer.status, (await answer.json()).code], [400, "invalid_grant"]);
  });

  await step("logging in leads back to the screen that was asked for", async () => {
    await ada.fill({ "E-mail": ADA.email, Password: ADA.password });
    await ada.page.locator("main").getByRole("button", { name: "Log in" }).click();
    await ada.told("Welcome back, Ada Marsh.");
    await ada.isAt("/profile");
    await ada.heading(ADA.name).waitFor();
  });

  await step("a change of screen moves the focus to its heading", async () => {
    await ada.link("Posts").click();
    await ada.page.locator("h1:focus", { hasText: "Posts" }).waitFor();
    same(await ada.page.title(), "Posts · Hinterland Shop");
  });

  await step("what people write reads from its own side", async () => {
    await ada.fill({ Title: "الجسر مغلق", Text: "استخدم المخاضة." });
    await ada.button("Publish").click();
    const direction = (element) => getComputedStyle(element).direction;
    same(await post(ada, "الجسر مغلق").locator("h2").evaluate(direction), "rtl");
    same(await post(ada, "Bridge is out").locator("h2").count(), 0);
    same(await post(ada, /^Note 60/).locator("h2").evaluate(direction), "ltr");
    await ada.pictures("posts-right-to-left");
  });

  await step("an unknown page says so", async () => {
    await ada.go("/nowhere");
    await ada.page.locator("h1", { hasText: "There is no such page" }).waitFor();
    await ada.pictures("not-found");
  });
}
