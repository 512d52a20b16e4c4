import { type ReactNode, StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App.tsx";
import { openShop } from "./api/records.ts";
import { client, wrongAddress } from "./api/shop.ts";
import { install } from "./installed.ts";
import { Spinner } from "./parts/Spinner.tsx";
import { Closed } from "./screens/Closed.tsx";
import { watchSession } from "./session.ts";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/frame.css";
import "./styles/forms.css";
import "./styles/screens.css";
import "./styles/changes.css";

const element = document.getElementById("root");
if (element === null) throw new Error("index.html has no element with the id root");
const root = createRoot(element);
const show = (screen: ReactNode) => root.render(<StrictMode>{screen}</StrictMode>);

async function start(): Promise<void> {
  if (wrongAddress !== null) return show(<Closed title="The shop's address is wrong" error={wrongAddress} />);
  show(<Spinner label="Opening the shop…" />);
  try {
    await openShop(client);
  } catch (error) {
    return show(<Closed title="The shop can't be opened" error={error} />);
  }
  watchSession();
  show(<App />);
}

void start();
void install();
