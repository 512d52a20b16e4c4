import { same } from "./stage.mjs";

const OLA = { name: "Ola Fell", email: "ola.fell@example.org", password: "eleven tarns and a cairn" };

/** A token of the right form that the server never signed. */
const FOREIGN = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJub2JvZHkifQ.AAAA";
const ENDED = "Your session has ended. Please log in again.";

export async function renewal(stage) {
  const step = stage.step.bind(stage);
  const ola = await stage.visitor();

  await step("two calls that meet a bad token share one refresh, and both are answered", async () => {
    await ola.signUp(OLA);
    await ola.go("/posts");
    await ola.fill({ Title: "Written before the token was bad", Text: "" });
    await ola.button("Publish").click();
    await ola.told("Your post is published.");
    ola.requests.length = 0;
    await ola.replaceTokens({ access: FOREIGN });
    await ola.page.locator(".account-name", { hasText: OLA.name }).waitFor();
    await ola.sees("Written before the token was bad");
    await ola.page.waitForFunction((text) => !Object.values(localStorage).join().includes(text), FOREIGN);
    same(ola.sent("/v1/auth/refresh"), 1);
  });

  await step("a dead refresh token signs out and says so", async () => {
    await ola.go("/profile");
    await ola.heading(OLA.name).waitFor();
    ola.requests.length = 0;
    await ola.replaceTokens({ access: FOREIGN, refresh: "never-issued" });
    await ola.told(ENDED);
    await ola.isAt("/login");
    await ola.pictures("session-ended");
    same([ola.sent("/v1/auth/refresh"), await ola.tokens()], [1, null]);
  });

  await step("what everybody may read is still read after that", async () => {
    await ola.go("/posts");
    await ola.sees("Written before the token was bad");
    await ola.sees("to write a post.");
  });

  await step("a session that was ended elsewhere signs out at once", async () => {
    await ola.logIn(OLA);
    await ola.told("Welcome back, Ola Fell.");
    const { access } = await ola.tokens();
    const headers = { Authorization: `Bearer ${access}` };
    const answer = await fetch(`${stage.setting.api}/auth/logout`, { method: "POST", headers });
    same(answer.ok, true);
    await ola.told(ENDED);
    same(await ola.tokens(), null);
    await ola.sees("to write a post.");
  });

  await step("logging in again works", async () => {
    await ola.logIn(OLA);
    await ola.told("Welcome back, Ola Fell.");
    await ola.isAt("/posts");
  });
}
