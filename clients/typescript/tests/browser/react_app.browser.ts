import { join } from "node:path";
import { expect, test } from "vitest";
import { launchChromium } from "../support/chromium.js";
import { docsApp } from "../support/docs_app.js";
import { startServer } from "../support/server.js";

test("the app of the page on React: signs in, works and reloads without a network, and takes over a new version", async () => {
  const app = await docsApp("docs/react.md");
  await app.run("vite", "build");
  const server = await startServer(app.notes(), { HINTERLAND_STATIC: join(app.folder, "dist") });
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(20_000);
    page.on("pageerror", (error) => console.error(`page: ${error.stack}`));
    await page.goto(server.url);

    await page.getByRole("button", { name: "I am new" }).click();
    await page.getByLabel("Name").fill("Ada");
    await page.getByLabel("E-mail").fill("ada");
    await page.getByLabel("Password").fill("7 lean oysters");
    await page.getByRole("button", { name: "Sign up" }).click();
    await page.locator("#email-error:not(:empty)").waitFor();
    expect(await page.getByLabel("E-mail").getAttribute("aria-invalid")).toBe("true");
    await page.getByLabel("E-mail").fill("ada@example.org");
    await page.getByRole("button", { name: "Sign up" }).click();
    await page.getByText("Ada · online").waitFor();

    const add = async (title: string) => {
      await page.getByLabel("New note").fill(title);
      await page.getByRole("button", { name: "Add" }).click();
      await page.getByText(title, { exact: true }).waitFor();
    };
    await add("First");
    await page.locator("aside:empty").waitFor({ state: "attached" });
    await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
    await server.stop();
    await add("Second");
    await page.reload();
    await page.getByText("Ada · offline").waitFor();
    expect(await page.locator("li > span").allTextContents()).toEqual(["First", "Second"]);
    expect(await page.locator("aside").textContent()).toBe("1 not sent yet");

    await server.start();
    await page.locator("aside:empty").waitFor({ state: "attached" });
    await page.getByText("Ada · online").waitFor();
    expect(await page.evaluate(async () => {
      const caches_ = await Promise.all((await caches.keys()).map((name) => caches.open(name)));
      const kept = (await Promise.all(caches_.map((cache) => cache.keys()))).flat().map(({ url }) => new URL(url).pathname);
      return kept.filter((path) => !/^\/(index\.html|assets\/[\w.-]+)$/.test(path));
    })).toEqual([]);

    app.write("index.html", app.index.replace("<title>app", "<title>newer"));
    await app.run("vite", "build");
    await page.evaluate(() => navigator.serviceWorker.ready.then((registration) => void registration.update()));
    await page.getByRole("button", { name: "Update the app" }).click();
    await page.waitForFunction(() => document.title === "newer");
    await page.getByText("Ada · online").waitFor();
    expect(await page.locator("li > span").allTextContents()).toEqual(["First", "Second"]);
  } finally {
    await browser.close();
    await server.close();
    app.close();
  }
});
