/** node chromium.mjs '{"package": …, "api": …, "page": …, "web": …, "chromium": …}' <calls.json: the calls of a package's
 *  data provider, made by a page of another origin in Chromium. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const setting = JSON.parse(process.argv[2]);
const { chromium } = createRequire(`${setting.web}/package.json`)("playwright-core");
const browser = await chromium.launch({ executablePath: setting.chromium, args: ["--no-sandbox"] });
try {
  const page = await browser.newPage();
  await page.goto(setting.page);
  await page.waitForFunction(() => window.drive);
  const asked = [setting.package, setting.api, JSON.parse(readFileSync(0, "utf8"))];
  console.log(JSON.stringify(await page.evaluate(([name, url, calls]) => window.drive(name, url, calls), asked)));
} finally {
  await browser.close();
}
