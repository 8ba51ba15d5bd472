import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build as esbuild } from "esbuild";
import { build, type Plugin } from "vite";
import { type BundledManifest, bundleEntries, externalModules } from "./bundle-entries.ts";
import { withStructureConstants } from "./structure-constants.ts";

/** With the comment's delimiters a multiple of 8 bytes, as V8 wants what stands behind it in a file. */
const SCRIPT_ID_DIGITS = 12;

/**
 * Takes white space and the names of variables out of bundles. V8 parses short names faster, and ordinary strings faster than the
 * template literals that Rolldown's own minifier makes of them (docs/decisions/0007-cold-start.md).
 */
async function shorten(directory: string): Promise<void> {
  const files = readdirSync(directory).filter((name) => name.endsWith(".js"));
  await esbuild({
    entryPoints: files.map((name) => join(directory, name)),
    outdir: directory,
    allowOverwrite: true,
    target: "es2022",
    minifyWhitespace: true,
    minifyIdentifiers: true,
    legalComments: "none",
    tsconfigRaw: {},
    // Reads the maps that are there.
    sourcemap: true,
    logLevel: "warning",
  });
}

/**
 * Writes a bundle as a script as well, for Node's vm: a function of `exports`, `module` and `require`, as modules of CommonJS are,
 * that asks `require` for other bundles with scripts. A hash of itself stands in front. All of it is ASCII.
 */
async function writeScript(directory: string, name: string, scripts: readonly string[]): Promise<void> {
  const { outputFiles } = await esbuild({
    entryPoints: [join(directory, `${name}.js`)],
    bundle: true,
    external: scripts.filter((other) => other !== name).map((other) => `./${other}.js`),
    write: false,
    format: "cjs",
    platform: "node",
    target: "es2022",
    minifyWhitespace: true,
    legalComments: "none",
    tsconfigRaw: {},
    logLevel: "warning",
  });
  const script = `(function(exports,module,require){"use strict";${outputFiles[0]?.text}})`;
  const id = createHash("sha256").update(script).digest("hex").slice(0, SCRIPT_ID_DIGITS);
  writeFileSync(join(directory, `${name}.cjs`), `/*${id}*/${script}`);
}

const structureConstants: Plugin = {
  name: "likex-structure-constants",
  enforce: "pre",
  transform(source) {
    const code = withStructureConstants(source);
    // Numbers for calls within a line: the lines of the source map stay right.
    return code === source ? undefined : { code, map: null };
  },
};

/**
 * Writes the bundles of a package: each entry point that publishConfig names as one file, with what only other entry points
 * share in one more. Node needs half a millisecond for each module that it loads, and the product has two hundred
 * (`pnpm bench start`). Types, and what the workspace itself imports, stay the modules of dist/.
 */
export async function bundle(directory: string, outDir: string = join(directory, "dist/bundle")): Promise<void> {
  const manifest = JSON.parse(readFileSync(join(directory, "package.json"), "utf8")) as BundledManifest;
  const entries = bundleEntries(manifest);
  const sources = Object.fromEntries(Object.entries(entries).map(([name, source]) => [name, join(directory, source)]));
  const { index } = sources;
  const isExternal = externalModules(manifest);
  await build({
    configFile: false,
    logLevel: "warn",
    resolve: { conditions: ["@likex/source"] },
    plugins: [structureConstants],
    ssr: { noExternal: true, resolve: { conditions: ["@likex/source"] } },
    build: {
      // Node's modules stay imports; nothing else here is for Node alone.
      ssr: true,
      outDir,
      emptyOutDir: true,
      minify: false,
      sourcemap: true,
      target: "es2022",
      rolldownOptions: {
        input: sources,
        external: isExternal,
        output: {
          format: "es",
          entryFileNames: "[name].js",
          chunkFileNames: "[name].js",
          // Constants stay constants: V8 then has their values in its code.
          topLevelVar: false,
          // The main entry point with all that it imports in one file; the other entry points import that file.
          ...(index === undefined
            ? {}
            : { codeSplitting: { groups: [{ name: "core", test: (id: string) => id === index }] } }),
        },
      },
    },
  });
  await shorten(outDir);
  const { bundleScripts: scripts = [] } = manifest;
  for (const name of scripts) await writeScript(outDir, name, scripts);
}
