import { same } from "./stage.mjs";

const ADA = { name: "Ada Marsh", email: "ada@example.org", password: "a walk over the moor" };
const BEN = { name: "Ben Hill", email: "ben@example.org", password: "two huts and a stream" };

/** The page and its API have one address; the browser loses its network. */
export async function offline(stage) {
  const step = stage.step.bind(stage);
  const { api } = stage.setting;
  const ada = await stage.visitor();
  const network = (isThere) => ada.page.context().setOffline(!isThere);
  const entry = (visitor, title) => visitor.page.locator(".entry", { hasText: title });
  const badge = (text) => ada.page.locator(".outbox", { hasText: text }).waitFor();
  let access = "";
  const call = async (method, path, body) => {
    const headers = { Authorization: `Bearer ${access}`, "Content-Type": "application/json" };
    const answer = await fetch(`${api}/v1/records/${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    same(answer.ok, true);
    return answer.status === 204 ? null : answer.json();
  };
  const titles = async () => (await call("GET", "lists?sort=title")).items.map(({ title }) => title);
  const idOf = async (title) => (await call("GET", "lists")).items.find((one) => one.title === title).id;
  const add = async (title) => {
    await ada.fill({ "New entry": title });
    await ada.button("Add").click();
    await entry(ada, title).waitFor();
  };

  await step("what another device writes appears without a reload", async () => {
    await ada.signUp(ADA);
    ({ access } = await ada.tokens());
    await ada.go("/lists");
    await add("Rope");
    await ada.allSent();
    await call("POST", "lists", { title: "From another device" });
    await entry(ada, "From another device").waitFor();
  });

  await step("without a network, what is added, ticked and deleted is shown and counted", async () => {
    await network(false);
    await ada.sees("You are offline.");
    await add("Head torch");
    await entry(ada, "Rope").getByRole("checkbox").click();
    await entry(ada, "From another device").getByRole("button", { name: "Delete" }).click();
    await ada.button("Yes, delete").click();
    await entry(ada, "From another device").waitFor({ state: "detached" });
    await badge("3 waiting");
    await ada.pictures("list-offline");
    await ada.go("/changes");
    await ada.heading("Add list entry “Head torch”").waitFor();
    await ada.pictures("changes-waiting");
  });

  await step("a reload without a network shows the page with all that was written", async () => {
    await ada.go("/lists");
    await ada.page.reload();
    await entry(ada, "Head torch").waitFor();
    await badge("3 waiting");
    await ada.page.reload();
    await entry(ada, "Head torch").waitFor();
    same(await entry(ada, "Rope").getByRole("checkbox").isChecked(), true);
  });

  await step("a reload over a network in which nothing answers shows it too", async () => {
    await stage.ask("answer nothing");
    await network(true);
    await ada.page.reload();
    await entry(ada, "Head torch").waitFor();
    await stage.ask("answer again");
  });

  await step("with the network back, each write is done once", async () => {
    await network(true);
    await ada.allSent();
    same(await titles(), ["Head torch", "Rope"]);
  });

  await step("two tabs show and send the same", async () => {
    const second = await ada.tab();
    await second.go("/lists");
    await entry(second, "Head torch").waitFor();
    await network(false);
    await add("Written in the first tab");
    await entry(second, "Written in the first tab").waitFor();
    await second.fill({ "New entry": "Written in the second tab" });
    await second.button("Add").click();
    await entry(ada, "Written in the second tab").waitFor();
    await badge("2 waiting");
    await network(true);
    await ada.allSent();
    await second.allSent();
    same(await titles(), ["Head torch", "Rope", "Written in the first tab", "Written in the second tab"]);
    await second.page.close();
  });

  await step("an edit that was lost to a later one is shown, and can be taken again", async () => {
    await ada.go("/posts");
    await ada.fill({ Title: "The ford", Text: "Shallow" });
    await ada.button("Publish").click();
    await ada.told("Your post is published.");
    await ada.allSent();
    const [{ id }] = (await call("GET", "posts")).items;
    await network(false);
    await ada.sees("You are offline.");
    await ada.button("Edit").click();
    await ada.page.getByRole("form", { name: "Save" }).getByLabel("Text").fill("Deep");
    await ada.button("Save").click();
    await badge("1 waiting");
    await call("PATCH", `posts/${id}`, { body: "Dry" });
    await network(true);
    await badge("1 to check");
    await ada.page.locator(".outbox").click();
    await ada.page.locator("del", { hasText: "Deep" }).waitFor();
    await ada.page.locator("ins", { hasText: "Dry" }).waitFor();
    await ada.pictures("changes-conflict");
    await ada.button("Take mine").click();
    await ada.allSent();
    same((await call("GET", `posts/${id}`)).body, "Deep");
  });

  await step("a write that the server refuses is held with its reason, and can be discarded", async () => {
    await ada.go("/lists");
    const id = await idOf("Rope");
    await network(false);
    await ada.sees("You are offline.");
    await entry(ada, "Rope").getByRole("checkbox").click();
    await badge("1 waiting");
    await call("DELETE", `lists/${id}`);
    await network(true);
    await badge("1 to check");
    await ada.page.locator(".outbox").click();
    await ada.sees("It was deleted meanwhile, so it can't be changed.");
    await ada.pictures("changes-refused");
    await ada.button("Discard").click();
    await ada.allSent();
  });

  const held = (title) => ada.page.locator(".change", { hasText: title });
  const THREE = ["A rope of thirty metres", "A lamp with batteries", "A stove and a gas bottle"]; // longer than 20 characters
  await step("writes that a changed shop refuses are held, each with its reason", async () => {
    await ada.go("/lists");
    await network(false);
    await ada.sees("You are offline.");
    for (const title of THREE) await add(title);
    await stage.ask("allow short titles only");
    await network(true);
    await badge("3 to check");
    await ada.page.locator(".outbox").click();
    await ada.sees("3 changes");
    for (const title of THREE) {
      await held(title).getByText("Not accepted: ").getByText("must have at most 20 characters").waitFor();
      await held(title).getByRole("button", { name: "Try again" }).waitFor();
    }
    await ada.pictures("changes-held");
  });

  await step("a held write that is corrected is sent; one that is still wrong is held again", async () => {
    await held(THREE[0]).getByRole("button", { name: "Edit" }).click();
    const form = ada.page.getByRole("form", { name: "Correct the change" });
    same(await form.getByLabel("Title").inputValue(), THREE[0]);
    await form.getByLabel("Title").fill(" ");
    await form.getByRole("button", { name: "Save and send" }).click();
    await ada.fieldError("Title", "Please enter a title.");
    await ada.pictures("changes-correcting");
    await form.getByLabel("Title").fill("A rope that is still too long");
    await form.getByRole("button", { name: "Save and send" }).click();
    await held("A rope that is still too long").getByText("must have at most 20 characters").waitFor();
    await held("A rope that is still too long").getByRole("button", { name: "Edit" }).click();
    await form.getByLabel("Title").fill("A rope, 30 m");
    await form.getByRole("button", { name: "Save and send" }).click();
    await ada.told("The corrected change is sent.");
    await badge("2 to check");
    await held("A rope").waitFor({ state: "detached" });
    same((await titles()).includes("A rope, 30 m"), true);
  });

  await step("a held write that is discarded is gone", async () => {
    await held(THREE[1]).getByRole("button", { name: "Discard" }).click();
    await held(THREE[1]).waitFor({ state: "detached" });
    await badge("1 to check");
  });

  await step("a held write that is tried again is sent, once the shop takes it", async () => {
    const answer = ada.page.waitForResponse((response) => response.url().endsWith("/v1/sync/push"));
    await held(THREE[2]).getByRole("button", { name: "Try again" }).click();
    await answer; // it is refused again, and stays
    await badge("1 to check");
    await held(THREE[2]).getByText("must have at most 20 characters").waitFor();
    await stage.ask("allow long titles again");
    await held(THREE[2]).getByRole("button", { name: "Try again" }).click();
    await ada.allSent();
    const now = await titles();
    same(THREE.map((title) => now.includes(title)), [false, false, true]);
    same(now.filter((title) => title.startsWith("A rope")).length, 1);
  });

  await step("logging out with unsent writes asks first", async () => {
    await ada.go("/lists");
    await network(false);
    await ada.sees("You are offline.");
    await add("Not sent yet");
    const asked = [];
    ada.page.once("dialog", (dialog) => void asked.push(dialog.message()) || dialog.dismiss());
    await ada.page.locator("header").getByRole("button", { name: "Log out" }).click();
    await entry(ada, "Not sent yet").waitFor();
    ada.page.once("dialog", (dialog) => void asked.push(dialog.message()) || dialog.accept());
    await ada.page.locator("header").getByRole("button", { name: "Log out" }).click();
    await ada.told("You are logged out.");
    same(asked.map((text) => text.startsWith("1 change is not sent.")), [true, true]);
    await network(true);
    await ada.seesNot("You are offline.");
  });

  await step("another user of this browser sees and sends nothing of it", async () => {
    await ada.signUp(BEN);
    await ada.go("/lists");
    await ada.heading("Your list is empty").waitFor();
    same(await ada.page.locator(".outbox").count(), 0);
    await ada.page.locator("header").getByRole("button", { name: "Log out" }).click();
    await ada.told("You are logged out.");
    same((await titles()).includes("Not sent yet"), false);
  });

  await step("the first user's unsent writes are sent after the next log-in", async () => {
    await ada.logIn(ADA);
    await ada.told("Welcome back, Ada Marsh.");
    await ada.allSent();
    ({ access } = await ada.tokens());
    same((await titles()).filter((title) => title === "Not sent yet").length, 1);
  });
}
