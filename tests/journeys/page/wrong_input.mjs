import { same } from "./stage.mjs";

const EVE = { name: "Eve Crag", email: "eve@example.org", password: "over the second pass" };

export async function wrongInput(stage) {
  const step = stage.step.bind(stage);
  const eve = await stage.visitor();
  const guest = await stage.visitor();

  await step("sign up: empty fields are named, the first gets the focus, nothing is sent", async () => {
    await guest.go("/register");
    await guest.button("Create account").click();
    await guest.fieldError("Name", "Please enter your name.");
    await guest.fieldError("E-mail", "Please enter your e-mail address.");
    await guest.fieldError("Password", "Please enter a password.");
    await guest.page.locator("input[name=name]:focus").waitFor();
    same(guest.sent("/v1/auth/signup"), 0);
    await guest.pictures("sign-up-empty-fields");
  });

  await step("sign up: an e-mail without @ and a password under 6 are refused by the form", async () => {
    await guest.fill({ Name: "Guest", "E-mail": "guest.example.org", Password: "five5" });
    await guest.button("Create account").click();
    await guest.fieldError("E-mail", "An e-mail address contains an @.");
    await guest.fieldError("Password", "At least 6 characters, please.");
    same(guest.sent("/v1/auth/signup"), 0);
  });

  await step("sign up: the server's own rule for passwords stands beside the field", async () => {
    await guest.fill({ Name: "Guest", "E-mail": "guest@example.org", Password: "password1" });
    await guest.button("Create account").click();
    await guest.fieldError("Password", "Password is too common.");
    same(guest.sent("/v1/auth/signup"), 1);
    await guest.isAt("/register");
    await guest.pictures("sign-up-server-rule");
  });

  await step("sign up: an e-mail that the server doesn't accept stands beside the field", async () => {
    await guest.fill({ "E-mail": "guest@", Password: EVE.password });
    await guest.button("Create account").click();
    await guest.fieldError("E-mail", "E-mail ");
  });

  await step("sign up: a taken e-mail is reported beside the field", async () => {
    await eve.signUp(EVE);
    await guest.fill({ Name: "Guest", "E-mail": EVE.email, Password: EVE.password });
    await guest.button("Create account").click();
    await guest.fieldError("E-mail", "E-mail is already in use.");
    await guest.banner("An account has this e-mail address");
    await guest.pictures("sign-up-taken");
    await guest.isAt("/register");
  });

  await step("log in: the form's own rules send nothing", async () => {
    await guest.logIn({ email: "", password: "" });
    await guest.fieldError("E-mail", "Please enter your e-mail address.");
    await guest.fieldError("Password", "Please enter a password.");
    await guest.logIn({ email: "eve.example.org", password: "five5" });
    await guest.fieldError("E-mail", "An e-mail address contains an @.");
    await guest.fieldError("Password", "At least 6 characters, please.");
    same(guest.sent("/v1/auth/login"), 0);
  });

  let refusal = "";
  await step("log in: a wrong password is refused and nothing is renewed", async () => {
    await guest.logIn({ email: EVE.email, password: "not her password" });
    await guest.page.locator(".banner").waitFor();
    refusal = await guest.page.locator(".banner").innerText();
    await guest.pictures("log-in-wrong-password");
    await guest.isAt("/login");
    same([guest.sent("/v1/auth/login"), guest.sent("/v1/auth/refresh"), await guest.tokens()], [1, 0, null]);
  });

  await step("log in: an unknown e-mail gets the same words", async () => {
    await guest.page.reload();
    await guest.logIn({ email: "nobody@example.org", password: "not her password" });
    await guest.page.locator(".banner").waitFor();
    same(await guest.page.locator(".banner").innerText(), refusal);
  });

  await step("posts: a post without a title is not sent", async () => {
    await eve.go("/posts");
    await eve.fill({ Title: "   ", Text: "Only text" });
    await eve.button("Publish").click();
    await eve.fieldError("Title", "Please enter a title.");
    same(eve.sent("/v1/sync/push"), 0);
  });

  await step("posts: what the server refuses stands beside the field and keeps the text", async () => {
    const long = "long ".repeat(80);
    await eve.fill({ Title: long, Text: "Only text" });
    await eve.button("Publish").click();
    await eve.fieldError("Title", "Title must have at most 300 characters");
    same(await eve.field("Text").inputValue(), "Only text");
    await eve.pictures("posts-server-rule");
  });

  await step("posts: what another device deleted leaves the page by itself", async () => {
    await eve.fill({ Title: "Twice deleted", Text: "" });
    await eve.button("Publish").click();
    await eve.told("Your post is published.");
    await eve.allSent();
    const { access } = await eve.tokens();
    const bearer = { headers: { Authorization: `Bearer ${access}` } };
    const posts = await (await fetch(`${stage.setting.api}/posts`)).json();
    const { id } = posts.find((post) => post.title === "Twice deleted");
    await fetch(`${stage.setting.api}/posts/${id}`, { method: "DELETE", ...bearer });
    await eve.page.locator(".post", { hasText: "Twice deleted" }).waitFor({ state: "detached" });
  });

  await step("list: an empty entry and an empty share are not sent", async () => {
    await eve.go("/lists");
    eve.requests.length = 0;
    await eve.button("Add").click();
    await eve.fieldError("New entry", "Please enter what you need.");
    await eve.fill({ "New entry": "Matches" });
    await eve.button("Add").click();
    await eve.told("“Matches” is on your list.");
    await eve.button("Share").click();
    await eve.page.locator(".share").getByRole("button", { name: "Share" }).click();
    await eve.fieldError("Their id", "Please enter the id of the other person.");
    await eve.allSent();
    same([eve.sent("/v1/sync/push"), eve.requests.filter((request) => request.url().includes("/users/")).length], [1, 0]);
    await eve.pictures("list-empty-share");
  });

  await step("list: an id that nobody has is refused beside the field", async () => {
    for (const id of ["nobody-has-this", "no id at all"]) {
      await eve.fill({ "Their id": id });
      await eve.page.locator(".share").getByRole("button", { name: "Share" }).click();
      await eve.fieldError("Their id", "Nobody has this id.");
    }
    await eve.sees("Only you");
  });
}
