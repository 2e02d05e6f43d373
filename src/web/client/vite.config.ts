// How the page is built: no inline scripts, styles or data URLs, so that a strict Content-Security-Policy holds.
import { defineConfig } from "vitest/config";

export default defineConfig({
  base: "/",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
