/**
 * node run.mjs URL CHROMIUM: Lighthouse on every screen of the shop at URL, first as a guest, then as a member. A JSON line a
 * screen: {"screen", "visitor", "device", "scores": {category: 0..100}, "faults": [audits of a category below the least]}.
 */

import lighthouse, { desktopConfig } from "lighthouse";
import puppeteer from "puppeteer-core";

const [url, executablePath] = process.argv.slice(2);
const LEAST = 95;
const TRIES = 3; // a busy machine only lowers the performance, so the best of them counts
const LOAD_WITHIN = 10_000; // milliseconds; the stream of changes never ends, so the network is never idle
const GUEST = ["/", "/posts", "/login", "/register", "/nowhere"];
const MEMBER = ["/", "/posts", "/lists", "/profile", "/changes"];

const browser = await puppeteer.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
const page = await browser.newPage();
const port = Number(new URL(browser.wsEndpoint()).port);

async function measured(screen, { device, keepsStorage }) {
  const flags = { port, logLevel: "error", disableStorageReset: keepsStorage, maxWaitForLoad: LOAD_WITHIN };
  const { lhr } = await lighthouse(`${url}/#${screen}`, flags, device === "desktop" ? desktopConfig : undefined, page);
  if (lhr.runtimeError) return { scores: { Performance: 0 }, faults: [lhr.runtimeError.message] };
  const categories = Object.values(lhr.categories);
  const faultsIn = ({ auditRefs }) =>
    auditRefs
      .filter(({ id, weight }) => weight > 0 && lhr.audits[id].score !== null && lhr.audits[id].score < 0.9)
      .map(({ id }) => `${id}: ${lhr.audits[id].displayValue ?? lhr.audits[id].title}`);
  return {
    scores: Object.fromEntries(categories.map(({ title, score }) => [title, Math.round(100 * score)])),
    faults: categories.filter(({ score }) => score < LEAST / 100).flatMap(faultsIn),
  };
}

const least = ({ scores }) => Math.min(...Object.values(scores));

async function best(screen, options) {
  let found = await measured(screen, options);
  for (let tries = 1; tries < TRIES && least(found) < LEAST; tries += 1) {
    const next = await measured(screen, options);
    if (least(next) > least(found)) found = next;
  }
  console.log(JSON.stringify({ screen, visitor: options.keepsStorage ? "member" : "guest", device: options.device, ...found }));
}

async function signUp() {
  await page.goto(`${url}/#/register`);
  const fields = { name: "Ada Marsh", email: "ada@example.org", password: "a walk over the moor" };
  for (const [name, value] of Object.entries(fields)) await page.locator(`input[name=${name}]`).fill(value);
  await page.locator("button[type=submit]").click();
  await page.waitForFunction(() => location.hash === "#/posts");
  for (const [screen, name] of [["posts", "title"], ["lists", "title"]]) {
    await page.goto(`${url}/#/${screen}`);
    await page.locator(`input[name=${name}]`).fill("Rope");
    await page.locator("main button[type=submit]").click();
    await page.waitForSelector(screen === "posts" ? ".post" : ".entry");
  }
}

try {
  for (const screen of GUEST) await best(screen, { device: "phone", keepsStorage: false });
  await best("/", { device: "desktop", keepsStorage: false });
  await signUp();
  for (const screen of MEMBER) await best(screen, { device: "phone", keepsStorage: true });
  await best("/posts", { device: "desktop", keepsStorage: true });
} finally {
  await browser.close();
}
