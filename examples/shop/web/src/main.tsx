import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App.tsx";
import { wrongAddress } from "./api/shop.ts";
import { WrongAddress } from "./screens/WrongAddress.tsx";
import { watchSession } from "./session.ts";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/frame.css";
import "./styles/forms.css";
import "./styles/screens.css";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no element with the id root");

if (wrongAddress === null) watchSession();
createRoot(root).render(<StrictMode>{wrongAddress === null ? <App /> : <WrongAddress error={wrongAddress} />}</StrictMode>);
