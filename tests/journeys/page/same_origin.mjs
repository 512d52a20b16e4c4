const KAI = { name: "Kai Tor", email: "kai@example.org", password: "a lamp and two batteries" };

/** The page and its API have one address. */
export async function sameOrigin(stage) {
  const step = stage.step.bind(stage);
  const kai = await stage.visitor();

  await step("the catalogue is read and an account is made", async () => {
    await kai.page.goto(stage.setting.page);
    await kai.heading("Alpine cheese").waitFor();
    await kai.signUp(KAI);
  });

  await step("what was added is there after a reload", async () => {
    await kai.go("/lists");
    await kai.fill({ "New entry": "Lamp oil" });
    await kai.button("Add").click();
    await kai.told("“Lamp oil” is on your list.");
    await kai.page.reload();
    await kai.page.locator(".entry", { hasText: "Lamp oil" }).waitFor();
  });
}
