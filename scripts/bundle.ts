import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "vite";
import { type BundledManifest, bundleEntries, externalModules } from "./lib/bundle-entries.ts";

/**
 * Writes dist/bundle/ of packages, by default of the one in the working directory: each entry point that publishConfig names
 * as one file, with what only other entry points share in one more. Node needs half a millisecond for each module that
 * it loads, and the product has two hundred (`pnpm bench start`). Types, and what the workspace itself imports, stay the
 * modules of dist/.
 */
async function bundle(directory: string): Promise<void> {
  const manifest = JSON.parse(readFileSync(join(directory, "package.json"), "utf8")) as BundledManifest;
  const entries = bundleEntries(manifest);
  const isExternal = externalModules(manifest);
  await build({
    configFile: false,
    logLevel: "warn",
    resolve: { conditions: ["@likex/source"] },
    ssr: { noExternal: true, resolve: { conditions: ["@likex/source"] } },
    build: {
      // Node's modules stay imports; nothing else here is for Node alone.
      ssr: true,
      outDir: join(directory, "dist/bundle"),
      emptyOutDir: true,
      minify: false,
      sourcemap: true,
      target: "es2022",
      rolldownOptions: {
        input: Object.fromEntries(Object.entries(entries).map(([name, source]) => [name, join(directory, source)])),
        external: isExternal,
        output: {
          format: "es",
          entryFileNames: "[name].js",
          chunkFileNames: "[name].js",
          // Constants stay constants: V8 then has their values in its code.
          topLevelVar: false,
          // The main entry point with all that it imports in one file; the other entry points import that file.
          ...("index" in entries ? { codeSplitting: { groups: [{ name: "core", test: /\/src\/index\.ts$/u }] } } : {}),
          minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
        },
      },
    },
  });
}

const directories = process.argv.slice(2);
for (const directory of directories.length === 0 ? [process.cwd()] : directories) await bundle(directory);
