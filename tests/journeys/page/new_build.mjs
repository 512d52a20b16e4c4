import { same } from "./stage.mjs";

/** The page and its API have one address; the page is built anew while a tab has it open. */
export async function newBuild(stage) {
  const step = stage.step.bind(stage);
  const guest = await stage.visitor();
  const description = () => guest.page.locator("meta[name=description]").getAttribute("content");
  const active = () => guest.page.evaluate(async () => Boolean((await navigator.serviceWorker.ready).active));

  await step("the page can be installed", async () => {
    await guest.go("/");
    await guest.heading("Alpine cheese").waitFor();
    same(await active(), true);
    const manifest = await (await fetch(`${stage.setting.page}/manifest.webmanifest`)).json();
    const icons = await Promise.all(manifest.icons.map(async ({ src }) => (await fetch(`${stage.setting.page}/${src}`)).status));
    same([manifest.display, icons], ["standalone", [200, 200, 200]]);
  });

  await step("only the page's own files are stored, nothing of the API", async () => {
    await guest.page.reload(); // the worker now sees all requests
    await guest.heading("Alpine cheese").waitFor();
    const stored = await guest.page.evaluate(async () => {
      const caches_ = await Promise.all((await caches.keys()).map((name) => caches.open(name)));
      const keys = (await Promise.all(caches_.map((cache) => cache.keys()))).flat();
      return keys.map(({ url }) => new URL(url).pathname).filter((path) => !/^\/(assets\/.|[\w-]+\.\w+$)/.test(path));
    });
    same(stored, []);
  });

  await stage.ask("publish a new build");

  await step("a new build is offered, and is shown when the user wants it", async () => {
    await guest.page.evaluate(async () => (await navigator.serviceWorker.ready).update());
    await guest.sees("A newer version of this page is ready.");
    await guest.pictures("newer-version");
    same(await description(), "A small shop on a Hinterland backend");
    await guest.button("Update").click();
    await guest.page.locator('meta[content="A newer build"]').waitFor({ state: "attached" });
    await guest.heading("Alpine cheese").waitFor();
    same(await guest.page.evaluate(async () => (await caches.keys()).length), 1);
  });
}
