import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The client's sources, so that its build is not needed. An app of its own installs the package instead.
const client = decodeURIComponent(new URL("../../../clients/typescript/src", import.meta.url).pathname);

export default defineConfig({
  plugins: [react()],
  base: "./",
  resolve: {
    alias: [
      { find: /^hinterland$/, replacement: `${client}/index.ts` },
      { find: /^hinterland\/(\w+)$/, replacement: `${client}/$1/index.ts` },
    ],
  },
  build: { license: { fileName: "licenses.md" } },
  server: { host: "127.0.0.1", fs: { allow: [".", client] } },
  preview: { host: "127.0.0.1" },
});
