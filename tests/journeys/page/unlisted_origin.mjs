import { same } from "./stage.mjs";

export async function unlistedOrigin(stage) {
  const step = stage.step.bind(stage);
  const guest = await stage.visitor();
  const { api, page } = stage.setting;
  const helpful = "The shop can't be reached. Check your connection, then try again.";
  const details = `Can't reach ${api}. If the server runs, its log names this page's origin (${page}) and the setting that allows it (cors_origins).`;

  await step("a shopper sees what a shopper can do", async () => {
    await guest.go("/");
    await guest.banner(helpful);
    await guest.seesNot("cors_origins");
    await guest.pictures("catalogue-unlisted-origin");
    await guest.logIn({ email: "someone@example.org", password: "any password at all" });
    await guest.banner(helpful);
  });

  await step("the console names the server, the origin and the setting", () => {
    same(guest.logged.filter((text) => text === details).length >= 2, true);
  });
}
