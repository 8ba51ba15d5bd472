import { fileURLToPath } from "node:url";
import { build } from "vite";

/**
 * Writes dist/bundle/: each entry point as one file, with the files that they share. Node needs half a millisecond for
 * each module that it loads, so that what npm gets starts twice as fast as the thirty modules of dist/ (`pnpm bench
 * decoder` prints both as `import`).
 */
const path = (relative: string): string => fileURLToPath(new URL(`../${relative}`, import.meta.url));

await build({
  configFile: false,
  logLevel: "warn",
  build: {
    outDir: path("dist/bundle"),
    emptyOutDir: true,
    minify: false,
    sourcemap: true,
    target: "es2022",
    // Constants stay constants: V8 then has their values in its code (src/decode-rows.ts).
    rolldownOptions: {
      output: {
        topLevelVar: false,
        // The main entry point with all that it imports in one file; the other entry points import that file.
        codeSplitting: { groups: [{ name: "core", test: /\/dist\/index\.js$/u }] },
        minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
      },
    },
    lib: {
      entry: {
        index: path("dist/index.js"),
        info: path("dist/info/index.js"),
        ...Object.fromEntries(
          ["intel", "masm", "nasm", "att"].map((syntax) => [syntax, path(`dist/format/${syntax}.js`)]),
        ),
      },
      formats: ["es"],
    },
  },
});
