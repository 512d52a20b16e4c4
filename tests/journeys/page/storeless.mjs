import { same } from "./stage.mjs";

const ANA = { name: "Ana Dale", email: "ana@example.org", password: "a lamp and two ropes" };
const PIA = { name: "Pia Tor", email: "pia@example.org", password: "nothing in her pockets" };
const OLA = { name: "Ola Beck", email: "ola@example.org", password: "a rucksack that is full" };
const UNREACHABLE = "The shop can't be reached. Check your connection, then try again.";
const FULL = "This device has no room left, so nothing was kept. Free some space and try again.";
const NO_DATA_FOR_SITES = { profile: { default_content_setting_values: { cookies: 2 } } };

/** A browser that lets the page keep nothing, and one that has no room left. */
export async function storeless(stage) {
  const step = stage.step.bind(stage);
  const { api } = stage.setting;
  const postsOnServer = async () => (await (await fetch(`${api}/posts`)).json()).map(({ title }) => title);
  const post = (visitor, title) => visitor.page.locator(".post", { hasText: title });
  const network = (visitor, isThere) => visitor.page.context().setOffline(!isThere);

  const ana = await stage.visitorOnDisk(NO_DATA_FOR_SITES);
  await step("without storage the shop works online, and says what that costs", async () => {
    await ana.go("/");
    await ana.heading("Alpine cheese").waitFor();
    await ana.page.getByText("Online only: nothing is kept on this device.").click();
    await ana.sees("This browser does not let the app keep data.");
    await ana.sees("or allow this site to store data.");
    await ana.pictures("catalogue-online-only");
    await ana.field("Search products").fill("wool");
    await ana.heading("Alpine cheese").waitFor({ state: "detached" });
    await ana.heading("Wool blanket").waitFor();
  });

  let access = "";
  await step("what is written there is at the server when its message appears", async () => {
    await ana.signUp(ANA);
    await ana.isAt("/posts");
    await ana.fill({ Title: "Sent at once", Text: "" });
    const sent = ana.page.waitForRequest((request) => request.url().endsWith("/v1/records/posts") && request.method() === "POST");
    await ana.button("Publish").click();
    await ana.told("Your post is published.");
    same(await postsOnServer(), ["Sent at once"]);
    await post(ana, "Sent at once").waitFor();
    access = (await (await sent).allHeaders()).authorization;
    await ana.go("/lists");
    await ana.fill({ "New entry": "Rope" });
    await ana.button("Add").click();
    await ana.told("“Rope” is on your list.");
    await ana.page.getByRole("checkbox").click();
    await ana.told("“Rope” is done.");
    const { items } = await (await fetch(`${api}/v1/records/lists`, { headers: { Authorization: access } })).json();
    same(items.map(({ title, done }) => [title, done]), [["Rope", true]]);
    same(ana.sent("/v1/sync/push"), 0);
  });

  await step("what others write appears there by itself", async () => {
    const headers = { Authorization: access, "Content-Type": "application/json" };
    await ana.go("/posts");
    await post(ana, "Sent at once").waitFor();
    await fetch(`${api}/v1/records/posts`, { method: "POST", headers, body: JSON.stringify({ title: "From elsewhere" }) });
    await post(ana, "From elsewhere").waitFor();
  });

  await step("a write without a connection is not taken for done, and what was typed stays", async () => {
    await network(ana, false);
    await ana.fill({ Title: "Typed offline", Text: "All of it" });
    await ana.button("Publish").click();
    await ana.banner(UNREACHABLE);
    await ana.sees("You are offline. Nothing can be written until the connection is back.");
    same([await ana.field("Title").inputValue(), await ana.field("Text").inputValue()], ["Typed offline", "All of it"]);
    same(await post(ana, "Typed offline").count(), 0);
    await ana.pictures("posts-online-only-offline");
    await network(ana, true);
    await ana.seesNot("You are offline.");
    await ana.button("Publish").click();
    await ana.told("Your post is published.");
    await post(ana, "Typed offline").waitFor();
    same((await postsOnServer()).filter((title) => title === "Typed offline").length, 1);
  });

  await step("a post whose answer was lost is published once", async () => {
    let lost = 0;
    await ana.page.route("**/v1/records/posts", async (route) => {
      if (route.request().method() !== "POST") return route.fallback();
      lost += 1;
      await route.fetch();
      return route.abort("connectionreset");
    });
    await ana.fill({ Title: "Answered by nobody", Text: "" });
    await ana.button("Publish").click();
    await ana.banner(UNREACHABLE);
    same(lost > 0, true);
    await ana.page.unroute("**/v1/records/posts");
    await ana.seesNot("You are offline.");
    await ana.button("Publish").click();
    await ana.told("Your post is published.");
    same((await postsOnServer()).filter((title) => title === "Answered by nobody").length, 1);
  });

  await step("the screens about what is kept say that nothing is", async () => {
    await ana.go("/profile");
    await ana.sees("Nothing is kept on this device");
    await ana.go("/changes");
    await ana.sees("On this device: Nothing is kept on this device");
    await ana.page.locator("header").getByRole("button", { name: "Log out" }).click();
    await ana.told("You are logged out.");
  });

  await step("a private window that refuses databases works the same, and a reload stays signed in", async () => {
    const pia = await stage.visitor();
    await pia.page.addInitScript(() => {
      IDBFactory.prototype.open = () => {
        throw new DOMException("A mutation operation was attempted on a database that did not allow mutations.", "InvalidStateError");
      };
    });
    await pia.signUp(PIA);
    await pia.page.getByText("Online only: nothing is kept on this device.").waitFor();
    await pia.page.reload();
    await post(pia, "From elsewhere").waitFor();
    await pia.page.locator(".account-name", { hasText: PIA.name }).waitFor();
    await pia.page.close();
  });

  const ola = await stage.visitorOnDisk();
  const control = await ola.page.context().newCDPSession(ola.page);
  const room = (bytes) => control.send("Storage.overrideQuotaForOrigin", { origin: stage.setting.page, quotaSize: bytes });
  await step("on a full device a post says so, with what to do, and what was typed stays", async () => {
    await room(2_000_000);
    await control.send("Browser.grantPermissions", { origin: stage.setting.page, permissions: ["durableStorage"] });
    await ola.signUp(OLA);
    await ola.go("/profile");
    await ola.sees("Kept until you delete it");
    await ola.go("/posts");
    await post(ola, "From elsewhere").waitFor();
    await ola.page.evaluate(async () => {
      const opening = indexedDB.open("what fills the device");
      opening.onupgradeneeded = () => opening.result.createObjectStore("all", { autoIncrement: true });
      await new Promise((resolve) => (opening.onsuccess = resolve));
      const put = (bytes) =>
        new Promise((resolve) => {
          const work = opening.result.transaction("all", "readwrite");
          work.objectStore("all").add(crypto.getRandomValues(new Uint8Array(bytes)));
          work.oncomplete = () => resolve(true);
          work.onabort = () => resolve(false);
        });
      for (const bytes of [65_000, 8_000, 1_000]) while (await put(bytes));
    });
    await ola.fill({ Title: "No room for this", Text: "word ".repeat(1_000) });
    await ola.button("Publish").click();
    await ola.banner(FULL);
    same(await ola.field("Title").inputValue(), "No room for this");
    same(await post(ola, "No room for this").count(), 0);
    await ola.pictures("posts-device-full");
  });

  await step("a reload on a full device shows what was kept before", async () => {
    await network(ola, false);
    await ola.page.reload();
    await post(ola, "From elsewhere").waitFor();
    await network(ola, true);
  });

  await step("with room again the post is published", async () => {
    await room(200_000_000);
    await ola.page.locator(".link p").waitFor({ state: "detached" });
    await ola.fill({ Title: "Room for this", Text: "word ".repeat(1_000) });
    await ola.button("Publish").click();
    await ola.told("Your post is published.");
    await ola.allSent();
    same((await postsOnServer()).filter((title) => title === "Room for this").length, 1);
  });
}
