import { same } from "./stage.mjs";

const KAI = { email: "kai@example.org", password: "a lamp and two batteries" };
const PORTAL = "<!doctype html><title>Free network</title><p>Accept our terms to go on.</p>";
const NOT_THE_SHOP = "Something else than the shop has answered.";

/** What the page says where the shop is not at its address. */
export async function wrongAnswers(stage) {
  const step = stage.step.bind(stage);

  await step("a network's log-in page in place of the shop is reported", async () => {
    const guest = await stage.visitor();
    await guest.page.route(`${stage.setting.api}/**`, (route) => {
      const isApi = /\/(v1|health)\b/.test(route.request().url());
      return isApi ? route.fulfill({ contentType: "text/html", body: PORTAL }) : route.fallback();
    });
    await guest.go("/");
    await guest.banner(NOT_THE_SHOP);
    await guest.pictures("catalogue-portal");
    await guest.logIn(KAI);
    await guest.banner(NOT_THE_SHOP);
  });

  await step("an address that is none is reported", async () => {
    const guest = await stage.visitor();
    await guest.page.route("**/config.js", (route) =>
      route.fulfill({ contentType: "text/javascript", body: 'window.SHOP_CONFIG = { apiUrl: "ftp://shop" };' }),
    );
    await guest.go("/");
    await guest.heading("The shop's address is wrong").waitFor();
    await guest.sees('"ftp://shop" is not the address of a server.');
    await guest.pictures("wrong-address");
  });
}
