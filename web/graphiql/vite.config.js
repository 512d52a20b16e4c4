import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** The page takes the fonts of the device: those of the package are 350 KB in its styles. */
const withoutFonts = {
  name: "without-fonts",
  enforce: "pre",
  transform: (code, id) => (id.endsWith(".css") ? code.replace(/@font-face\s*\{[^}]*\}/g, "") : null),
};

// The server makes the HTML (`graphiql.py`), which has one script and one file of styles.
export default defineConfig({
  plugins: [withoutFonts],
  resolve: { alias: { "react-compiler-runtime": "react/compiler-runtime" } }, // React has had it since 19
  build: {
    outDir: here("../../src/hinterland/server/protocols/graphql/page"),
    emptyOutDir: true,
    chunkSizeWarningLimit: 4000,
    license: { fileName: "licenses.md" },
    modulePreload: false,
    rolldownOptions: {
      input: here("src/main.jsx"),
      output: { codeSplitting: false, entryFileNames: "graphiql.js", assetFileNames: "graphiql[extname]" },
      onLog: (level, log, handle) => (log.code === "MODULE_LEVEL_DIRECTIVE" ? undefined : handle(level, log)),
    },
  },
});
