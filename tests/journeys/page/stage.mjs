/** What every scenario stands on: the browser, named steps as JSON lines, and questions to the test that runs it. */

import { createRequire } from "node:module";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const SMALL = { width: 320, height: 640 };
const PHONE = { width: 390, height: 780 };
const DESK = { width: 1280, height: 800 };
const NARROWEST = 120; // pixels of a field for text
const PATIENCE_MS = 15_000;
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--host-resolver-rules=MAP rebound.example 127.0.0.1",
];

function report(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

export class Stage {
  #browser;
  #answers;
  #pages = [];
  #onDisk = []; // browsers of their own, and their folders

  /** `setting`: {page, api, web, chromium, screenshots}, addresses and folders as text. */
  constructor(setting) {
    this.setting = setting;
    this.#answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  }

  async open() {
    const require = createRequire(join(this.setting.web, "package.json"));
    const { chromium } = require("playwright-core");
    await mkdir(this.setting.screenshots, { recursive: true });
    this.chromium = chromium;
    this.#browser = await chromium.launch({ executablePath: this.setting.chromium, args: FLAGS });
  }

  async close() {
    for (const { context, folder } of this.#onDisk) {
      await context.close();
      await rm(folder, { recursive: true, force: true });
    }
    await this.#browser?.close();
    this.#answers.return?.();
    process.stdin.destroy();
  }

  /** A visitor with storage of their own. */
  async visitor() {
    const context = await this.#browser.newContext({ viewport: DESK, reducedMotion: "reduce" });
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    return this.#watch(page);
  }

  /** A visitor with a browser of their own, whose storage is on the disk; `preferences` are the browser's. */
  async visitorOnDisk(preferences = {}) {
    const folder = await mkdtemp(join(tmpdir(), "hinterland-browser-"));
    await mkdir(join(folder, "Default"));
    await writeFile(join(folder, "Default", "Preferences"), JSON.stringify(preferences));
    const options = { executablePath: this.setting.chromium, args: FLAGS, viewport: DESK, reducedMotion: "reduce" };
    const context = await this.chromium.launchPersistentContext(folder, options);
    this.#onDisk.push({ context, folder });
    context.setDefaultTimeout(PATIENCE_MS);
    return this.#watch(context.pages()[0] ?? (await context.newPage()));
  }

  #watch(page) {
    const openTab = async () => this.#watch(await page.context().newPage());
    const visitor = new Visitor(page, this.setting, openTab);
    this.#pages.push(visitor);
    return visitor;
  }

  /** Runs one named step; the first that fails ends the scenario, with a picture of what stood there. */
  async step(name, act) {
    const started = performance.now();
    try {
      await act();
      report({ step: name, ok: true, ms: Math.round(performance.now() - started) });
    } catch (error) {
      const pictures = await this.#picturesOf("failed");
      report({ step: name, ok: false, detail: String(error?.stack ?? error), pictures });
      throw new StepFailed(name);
    }
  }

  async #picturesOf(name) {
    const pictures = this.#pages.map((visitor, index) => visitor.picture(`${name}-${index + 1}`).catch(String));
    return Promise.all(pictures);
  }

  /** Asks the test to do something that only it can, and waits until it is done. */
  async ask(what) {
    report({ ask: what });
    await this.#answers.next();
  }

  async checkNoPageError() {
    await this.step("the page threw no error of its own", () => {
      same(this.#pages.flatMap((visitor) => visitor.errors), []);
    });
  }
}

export class StepFailed extends Error {}

export class Visitor {
  errors = [];
  logged = [];
  requests = [];

  constructor(page, setting, openTab) {
    this.tab = openTab; // another one of the same browser
    this.page = page;
    this.setting = setting;
    page.on("pageerror", (error) => this.errors.push(String(error)));
    page.on("console", (message) => this.logged.push(message.text()));
    page.on("request", (request) => {
      if (request.url().startsWith(setting.api)) this.requests.push(request);
    });
  }

  /** How many requests to this path the page sent since the list was last emptied. */
  sent(path, method = "POST") {
    const isIt = (request) => new URL(request.url()).pathname === path && request.method() === method;
    return this.requests.filter(isIt).length;
  }

  /** Until all that was written here is sent. */
  async allSent() {
    await this.page.locator(".outbox").waitFor({ state: "detached" });
  }

  async go(route) {
    await this.page.goto(`${this.setting.page}/#${route}`);
  }

  button(name) {
    return this.page.getByRole("button", { name, exact: true });
  }

  link(name) {
    return this.page.getByRole("link", { name, exact: true });
  }

  heading(name) {
    return this.page.getByRole("heading", { name, exact: true });
  }

  field(label) {
    return this.page.getByLabel(label, { exact: true });
  }

  async fill(values) {
    for (const [label, value] of Object.entries(values)) await this.field(label).fill(value);
  }

  /** The message after an act. */
  async told(text) {
    await this.page.locator(".notice", { hasText: text }).waitFor();
  }

  /** The error banner. */
  async banner(text) {
    await this.page.locator(".banner", { hasText: text }).first().waitFor();
  }

  async fieldError(label, text) {
    const input = this.field(label);
    await this.page.locator(".field", { has: input }).locator(".field-error", { hasText: text }).waitFor();
    same(await input.getAttribute("aria-invalid"), "true");
  }

  async sees(text) {
    await this.page.getByText(text).first().waitFor();
  }

  async seesNot(text) {
    await this.page.getByText(text).first().waitFor({ state: "detached" });
  }

  async isAt(route) {
    await this.page.waitForURL((url) => url.hash.split("?")[0] === `#${route}`);
  }

  async signUp({ name, email, password }) {
    await this.go("/register");
    await this.fill({ Name: name, "E-mail": email, Password: password });
    await this.button("Create account").click();
    await this.told(`Welcome, ${name}`);
  }

  async logIn({ email, password }) {
    await this.go("/login");
    await this.fill({ "E-mail": email, Password: password });
    await this.page.locator("main").getByRole("button", { name: "Log in" }).click();
  }

  /** The stored session's tokens; null: signed out. */
  tokens() {
    return this.page.evaluate((key) => {
      const { session } = JSON.parse(localStorage.getItem(key)) ?? {};
      return session ? { access: session.accessToken, refresh: session.refreshToken } : null;
    }, this.#sessionKey);
  }

  async replaceTokens({ access, refresh }) {
    const given = { ...(access && { accessToken: access }), ...(refresh && { refreshToken: refresh }) };
    await this.page.evaluate(
      ([key, given]) => {
        const stored = JSON.parse(localStorage.getItem(key));
        localStorage.setItem(key, JSON.stringify({ ...stored, session: { ...stored.session, ...given } }));
      },
      [this.#sessionKey, given],
    );
    await this.page.reload();
  }

  get #sessionKey() {
    return `hinterland:${this.setting.api}`;
  }

  /** Holds the requests that match until the function that it answers is called. */
  async hold(pattern) {
    let letGo;
    const gate = new Promise((resolve) => {
      letGo = resolve;
    });
    await this.page.route(pattern, async (route) => {
      await gate;
      await route.continue();
    });
    return letGo;
  }

  /** axe finds nothing that hinders people who can't see or point well. */
  async #checkAccess(where) {
    const require = createRequire(join(this.setting.web, "package.json"));
    const isThere = await this.page.evaluate(() => "axe" in window);
    if (!isThere) await this.page.addScriptTag({ path: require.resolve("axe-core/axe.min.js") });
    const found = await this.page.evaluate(async () => {
      const { violations } = await axe.run();
      return violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => [id, html.slice(0, 200), failureSummary]));
    });
    if (found.length) throw new Error(`${where}: ${JSON.stringify(found)}`);
  }

  async picture(name) {
    const path = join(this.setting.screenshots, `${name}.png`);
    await this.page.screenshot({ path });
    return path;
  }

  /** Takes time, so only where somebody looks at them. */
  async pictureIfWanted(name) {
    if (this.setting.pictures) await this.picture(name);
  }

  /** Pictures on a desk and on two phones, light and dark, and from right to left; nothing may stand out of their
   * width, fields are wide enough, every screen has one main heading, and axe finds nothing. */
  async pictures(name) {
    for (const [size, viewport] of Object.entries({ desk: DESK, phone: PHONE, small: SMALL })) {
      await this.page.setViewportSize(viewport);
      for (const colorScheme of ["light", "dark"]) {
        await this.page.emulateMedia({ colorScheme });
        await this.pictureIfWanted(`${name}-${size}-${colorScheme}`);
        await this.#checkAccess(`${name}, ${size}, ${colorScheme}`);
      }
      const narrow = await this.page.evaluate(
        (least) => [...document.querySelectorAll("input:not([type=checkbox]), textarea")].filter(({ offsetWidth }) => offsetWidth < least).length,
        NARROWEST,
      );
      if (narrow > 0) throw new Error(`${name} has ${narrow} fields that are too narrow to type in at ${viewport.width} px`);
      for (const direction of ["rtl", "ltr"]) {
        await this.page.evaluate((dir) => document.documentElement.setAttribute("dir", dir), direction);
        if (direction === "rtl") {
          await this.pictureIfWanted(`${name}-${size}-rtl`);
          await this.#checkAccess(`${name}, ${size}, rtl`);
        }
        const excess = await this.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        if (excess > 0) throw new Error(`${name} is ${excess} px too wide at ${viewport.width} px, ${direction}`);
      }
    }
    same(await this.page.locator("h1").count(), 1);
    await this.page.setViewportSize(DESK);
    await this.page.emulateMedia({ colorScheme: "light" });
  }
}

export function same(found, wanted) {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`found ${a}, wanted ${b}`);
}
