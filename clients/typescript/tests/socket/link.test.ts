import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type WebSocketClient, webSocket } from "../../src/socket/index.js";
import { type Echo, startEcho } from "../support/echo.js";
import { ManualClock } from "../support/manual_clock.js";
import { wait } from "../support/wait.js";
import { WebSocket } from "../support/web_socket.js";

let echo: Echo;
let page: EventTarget; // that whose events a browser sends to the window
let clock: ManualClock;
let chat: WebSocketClient<string, string>;

const until = (act: () => unknown) => wait(async () => act(), () => String(act));
const isHidden = (hidden: boolean) => vi.stubGlobal("document", { hidden });
const tell = (type: string) => page.dispatchEvent(new Event(type));

beforeEach(async () => {
  page = new EventTarget();
  vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
  isHidden(false);
  echo = await startEcho();
  clock = new ManualClock();
  chat = webSocket<string>(echo.url, { WebSocket, clock, random: () => 1, pingMessage: "ping" });
  await chat.connect();
});

afterEach(async () => {
  chat.disconnect();
  vi.unstubAllGlobals();
  await echo.close();
});

/** The peer's machine is gone, and nothing says so. */
const goSilent = () => {
  echo.answer = () => {};
};

const ASKED = "at `%s` an open connection is asked whether it still works, and given 5 seconds";
test.each(["online", "visibilitychange"])(ASKED, async (type) => {
  tell(type);
  await until(() => echo.heard.length === 1);
  const answered = clock.waits[0]!;
  await until(() => clock.waits[0]! > 5_000); // its answer has come
  expect(answered).toBeLessThanOrEqual(15_000);
  await clock.advance(5_000);
  expect(chat.state).toBe("connected");
  goSilent();
  tell(type);
  await until(() => echo.heard.length === 2);
  await clock.advance(4_999);
  expect(chat.state).toBe("connected");
  await clock.advance(1);
  expect(chat.state).toBe("waiting");
});

test("at `online`, and where the page is looked at again, it does not wait for the next try", async () => {
  for (const type of ["online", "visibilitychange"]) {
    echo.peers.at(-1)!.terminate();
    await until(() => chat.state === "waiting");
    isHidden(true);
    tell("visibilitychange");
    expect(chat.state).toBe("waiting");
    isHidden(type === "online"); // a hidden page hears of the network too
    tell(type);
    await until(() => chat.state === "connected");
  }
});

test("a computer that slept asks at once, and has the answer or another connection within 5 seconds", async () => {
  goSilent();
  clock.jump = 3_600_000; // the timers of a computer stand still while it sleeps, and its clock does not
  await clock.advance(15_000);
  await until(() => echo.heard.length === 1);
  await clock.advance(5_000);
  expect(chat.state).toBe("waiting");
});

test("a page that is left closes its connection, and opens it again where it is shown once more", async () => {
  const closed = new Promise((resolve) => echo.peers[0]!.on("close", resolve));
  tell("pagehide");
  isHidden(true);
  tell("visibilitychange"); // as browsers do: it comes after
  expect(chat.state).toBe("waiting");
  await closed;
  expect(echo.peers).toHaveLength(1);
  chat.send("written while it was put away");
  isHidden(false);
  tell("visibilitychange");
  await until(() => echo.heard.includes('"written while it was put away"'));
  chat.disconnect();
  tell("online");
  expect(chat.state).toBe("disconnected");
});
