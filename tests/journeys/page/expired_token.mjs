import { same, until } from "./stage.mjs";

const OLA = { name: "Ola Fell", email: "ola@example.org", password: "eleven tarns and a cairn" };

/** Whether the server still takes this token: it may give clocks that differ some time over the token's own. */
async function isTaken(api, token) {
  const answer = await fetch(`${api}/api/user`, { headers: { Authorization: `Bearer ${token}` } });
  return answer.status !== 401;
}

/** Needs a server whose access tokens run out within seconds. */
export async function expiredToken(stage) {
  const step = stage.step.bind(stage);
  const ola = await stage.visitor();

  await step("a token that ran out is renewed, and the act is done", async () => {
    await ola.signUp(OLA);
    await ola.go("/posts");
    await ola.button("Publish").waitFor();
    const { access } = await ola.tokens();
    await until(async () => !(await isTaken(stage.setting.api, access)), "the token runs out");
    ola.requests.length = 0;
    await ola.fill({ Title: "Written after the token ran out", Text: "" });
    await ola.button("Publish").click();
    await ola.told("Your post is published.");
    same([ola.sent("/auth/refresh"), ola.sent("/posts")], [1, 2]);
    same((await ola.tokens()).access === access, false);
  });

  await step("the post is there once", async () => {
    same(await ola.page.locator(".post").count(), 1);
    await ola.button("Refresh").click();
    await ola.told("The list is up to date.");
    same(await ola.page.locator(".post").count(), 1);
  });
}
