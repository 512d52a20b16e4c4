declare global {
  interface Window {
    SHOP_CONFIG?: { apiUrl?: string };
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
