/** node run.mjs SCENARIO '{"page": …, "api": …, "web": …, "chromium": …, "screenshots": …}'. Exit 0: every step passed. */

import { backButton } from "./back_button.mjs";
import { chatPage } from "./chat_page.mjs";
import { expiredToken } from "./expired_token.mjs";
import { firstApp } from "./first_app.mjs";
import { foreignPage } from "./foreign_page.mjs";
import { graphiql } from "./graphiql.mjs";
import { graphqlPage } from "./graphql_page.mjs";
import { happyWay } from "./happy_way.mjs";
import { hooks } from "./hooks.mjs";
import { live } from "./live.mjs";
import { newBuild } from "./new_build.mjs";
import { offline } from "./offline.mjs";
import { renewal } from "./renewal.mjs";
import { sameOrigin } from "./same_origin.mjs";
import { serverDown } from "./server_down.mjs";
import { Stage, StepFailed } from "./stage.mjs";
import { storeless } from "./storeless.mjs";
import { unlistedOrigin } from "./unlisted_origin.mjs";
import { wrongAnswers } from "./wrong_answers.mjs";
import { wrongInput } from "./wrong_input.mjs";

const SCENARIOS = {
  happyWay,
  wrongInput,
  graphqlPage,
  chatPage,
  hooks,
  live,
  newBuild,
  offline,
  sameOrigin,
  wrongAnswers,
  storeless,
  serverDown,
  expiredToken,
  firstApp,
  renewal,
  unlistedOrigin,
  foreignPage,
  graphiql,
  backButton,
};

const [name, setting] = process.argv.slice(2);
const stage = new Stage(JSON.parse(setting));
try {
  await stage.open();
  await SCENARIOS[name](stage);
  await stage.checkNoPageError();
} catch (error) {
  if (!(error instanceof StepFailed)) console.error(error);
  process.exitCode = 1;
} finally {
  await stage.close();
}
