declare global {
  interface Window {
    SHOP_CONFIG?: { apiUrl?: string };
  }
}

const DEFAULT_API_URL = "http://127.0.0.1:8000";

function withoutTrailingSlash(url: string): string {
  return url.replace(/\/+$/, "");
}

/** Where the backend listens: config.js beats the build's VITE_API_URL, which beats the default. */
export const apiUrl = withoutTrailingSlash(
  window.SHOP_CONFIG?.apiUrl || import.meta.env.VITE_API_URL || DEFAULT_API_URL,
);
