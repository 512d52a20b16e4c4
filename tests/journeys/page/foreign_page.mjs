/** A page of an origin that is not listed, which tries every way to write that a browser lets it try unasked. */

import { same } from "./stage.mjs";

const BODY = JSON.stringify({ mark: "planted", name: "Eve", email: "eve@example.org", password: "7 lean oysters" });

export async function foreignPage(stage) {
  const step = stage.step.bind(stage);
  const { api, page } = stage.setting;
  const guest = await stage.visitor();
  const paths = ["/v1/records/marks", "/marks", "/v1/auth/signup", "/auth/register", "/api/signup"];
  const urls = paths.map((path) => api + path);
  await guest.page.goto(`${page}/blank.html`);

  await step("fetch without a preflight", async () => {
    const outcomes = await guest.page.evaluate(
      async ([urls, body]) => {
        const bodies = [body, new Blob([body]), new Blob([body], { type: "text/plain" }), new URLSearchParams({ mark: 1 })];
        const tries = urls.flatMap((url) => bodies.map((body) => fetch(url, { method: "POST", mode: "no-cors", body })));
        return (await Promise.all(tries)).map((answer) => answer.type);
      },
      [urls, BODY],
    );
    same(new Set(outcomes).size, 1); // all opaque: what became of them, the server's log tells
  });

  await step("sendBeacon", async () => {
    const sent = await guest.page.evaluate(
      ([urls, body]) => urls.every((url) => navigator.sendBeacon(url, new Blob([body])) && navigator.sendBeacon(url, body)),
      [urls, BODY],
    );
    same(sent, true);
    await stage.ask("wait for the beacons");
  });

  await step("forms", async () => {
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]) {
      await guest.page.goto(`${page}/blank.html`);
      await Promise.all([
        guest.page.waitForResponse((answer) => answer.url() === urls[0] && answer.status() === 403),
        guest.page.evaluate(
          ([url, type, body]) => {
            document.body.innerHTML = `<form method="post"><input name='${body}' value=""></form>`;
            Object.assign(document.forms[0], { action: url, enctype: type });
            document.forms[0].submit();
          },
          [urls[0], type, BODY],
        ),
        guest.page.waitForURL(urls[0]),
      ]);
    }
  });

  await step("a sandboxed frame, whose origin is null", async () => {
    await guest.page.goto(`${page}/blank.html`);
    await guest.page.evaluate(
      ([url]) => {
        const frame = document.createElement("iframe");
        frame.sandbox = "allow-scripts";
        frame.srcdoc = `<script>fetch("${url}", {method: "POST", mode: "no-cors", body: "{}"})</script>`;
        document.body.append(frame);
      },
      [urls[1]],
    );
    await stage.ask("wait for the frame");
  });

  await step("a name that resolves to this machine", async () => {
    const rebound = await guest.page.goto(api.replace("127.0.0.1", "rebound.example"));
    same(rebound.status(), 421);
  });

  await step("the server's own page may write", async () => {
    const own = await stage.visitor();
    await own.page.goto(`${api}/health`);
    const post = { method: "POST", headers: { "content-type": "application/json" }, body: '{"mark":"own"}' };
    same(await own.page.evaluate(async (post) => (await fetch("/marks", post)).status, post), 201);
  });
}
