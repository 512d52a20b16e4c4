declare global {
  interface Window {
    SHOP_CONFIG?: { apiUrl?: string; live?: string };
  }
}

const DEVELOPMENT_URL = "http://127.0.0.1:8000";

/**
 * Where the backend listens: config.js beats the build's VITE_API_URL. Without both it is where the page itself is served
 * from, and with Vite's own server, which serves no backend, the address of `make run`.
 */
export const apiUrl =
  window.SHOP_CONFIG?.apiUrl ||
  import.meta.env.VITE_API_URL ||
  (import.meta.env.DEV ? DEVELOPMENT_URL : new URL(".", document.baseURI).href);

const WAYS = ["events", "socket", "graphql"] as const;

/** Over what changes are reported: Server-sent events, the WebSocket of the server, or subscriptions of GraphQL. */
export type LiveWay = (typeof WAYS)[number];

const asked = new URLSearchParams(location.search).get("live") ?? window.SHOP_CONFIG?.live;

/** `?live=` of the address beats config.js; without both it is "events". */
export const liveWay: LiveWay = WAYS.find((way) => way === asked) ?? "events";
