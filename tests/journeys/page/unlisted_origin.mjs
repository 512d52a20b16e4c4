export async function unlistedOrigin(stage) {
  const step = stage.step.bind(stage);
  const guest = await stage.visitor();
  const { api, page } = stage.setting;
  const helpful = `Can't reach ${api}: is the server running? If it is, its log names this page's origin (${page}) and the setting that allows it (cors_origins).`;

  await step("the catalogue names the server, the origin and the setting", async () => {
    await guest.go("/");
    await guest.banner(helpful);
    await guest.pictures("catalogue-unlisted-origin");
  });

  await step("log in names the server, the origin and the setting", async () => {
    await guest.logIn({ email: "someone@example.org", password: "any password at all" });
    await guest.banner(helpful);
  });
}
