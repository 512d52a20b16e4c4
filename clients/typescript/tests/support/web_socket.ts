import { WebSocket as Package } from "ws";

/** The WebSocket of Node 22 or newer, where tests run on it; else that of the package `ws`. */
export const WebSocket = (globalThis.WebSocket ?? Package) as unknown as typeof Package;
