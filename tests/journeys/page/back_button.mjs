/** What the Back button shows of a record that was changed meanwhile. */

import { same } from "./stage.mjs";

export async function backButton(stage) {
  const step = stage.step.bind(stage);
  const { api, page } = stage.setting;
  const guest = await stage.visitor();
  const shown = () => guest.page.evaluate(() => document.body.innerText);
  const sees = (mark) => guest.page.waitForFunction((mark) => document.body.innerText.includes(mark), mark);

  for (const path of ["/v1/records/marks/one", "/v1/records/marks"]) {
    await step(`Back to ${path}`, async () => {
      await guest.page.goto(api + path);
      const before = await shown();
      await stage.ask("change the record");
      await guest.page.goto(`${api}/health`);
      await guest.page.goBack();
      same((await shown()) === before, false);
    });

    await step(`Back to a page that fetched ${path}`, async () => {
      await guest.page.goto(`${page}/fetching.html?${api}${path}`);
      await sees("mark");
      const before = await shown();
      await stage.ask("change the record");
      await guest.page.goto(`${api}/health`);
      await guest.page.goBack();
      await sees("mark");
      same((await shown()) === before, false);
    });
  }
}
