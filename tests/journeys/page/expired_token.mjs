import { same } from "./stage.mjs";

const OLA = { name: "Ola Fell", email: "ola@example.org", password: "eleven tarns and a cairn" };

/** Needs a server whose clock can be put forward. */
export async function expiredToken(stage) {
  const step = stage.step.bind(stage);
  const ola = await stage.visitor();
  let before = {};

  await step("a person writes a post and takes an hour over it", async () => {
    await ola.signUp(OLA);
    await ola.go("/posts");
    await ola.heading("No posts yet").waitFor();
    await ola.fill({ Title: "Written after the token ran out", Text: "It took me an hour." });
    before = await ola.tokens();
  });

  await stage.ask("let an hour pass on the server");

  await step("a token that ran out is renewed, and the act is done", async () => {
    const headers = { Authorization: `Bearer ${before.access}` };
    same((await fetch(`${stage.setting.api}/api/user`, { headers })).status, 401);
    ola.requests.length = 0;
    await ola.button("Publish").click();
    await ola.told("Your post is published.");
    same([ola.sent("/v1/auth/refresh"), ola.sent("/v1/sync/push")], [1, 2]);
    const after = await ola.tokens();
    same([after.access === before.access, after.refresh === before.refresh], [false, false]);
  });

  await step("the post is there once", async () => {
    same(await ola.page.locator(".post").count(), 1);
    await ola.button("Refresh").click();
    await ola.told("The list is up to date.");
    same(await ola.page.locator(".post").count(), 1);
    same(ola.sent("/v1/auth/refresh"), 1);
  });
}
