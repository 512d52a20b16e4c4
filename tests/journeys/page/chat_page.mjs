/** The page of docs/chat.md: a room with its history, its members and who types, with the page's bot in it. */
export async function chatPage(stage) {
  const step = stage.step.bind(stage);
  const enter = async (name) => {
    const visitor = await stage.visitor();
    await visitor.page.goto(stage.setting.page);
    await visitor.field("Name").fill(name);
    await visitor.field("Email").fill(`${name.toLowerCase()}@example.org`);
    await visitor.field("Password").fill("7 lean oysters");
    await visitor.button("Sign up").click();
    return visitor;
  };
  const shows = ({ page }, text) => page.getByText(text, { exact: true }).first().waitFor();
  let ada, bob;

  await step("who is there is shown", async () => {
    ada = await enter("Ada");
    await shows(ada, "Here: you, Bot");
  });

  await step("a message is answered by the bot, which is seen typing", async () => {
    await ada.field("Message").fill("Hi");
    const isTyping = shows(ada, "Bot typing");
    await ada.button("Send").click();
    await isTyping;
    await shows(ada, "you: Hi");
    await shows(ada, "Bot: Hello Ada");
  });

  await step("who comes later has the history, and is seen", async () => {
    bob = await enter("Bob");
    await shows(bob, "Ada: Hi");
    await shows(bob, "Bot: Hello Ada");
    await shows(ada, "Here: you, Bot, Bob");
  });

  await step("who types is shown to the others, until it is sent", async () => {
    await bob.field("Message").fill("Good morning");
    await shows(ada, "Bob typing");
    await bob.button("Send").click();
    await shows(ada, "Bob: Good morning");
    await ada.page.waitForFunction(() => !document.querySelector("[role=status]").textContent.includes("Bob"));
  });

  await step("who leaves is gone", async () => {
    await bob.page.close();
    await shows(ada, "Here: you, Bot");
  });
}
