import { describe, expect, it } from "vitest";
import { type BundledManifest, bundleEntries, externalModules } from "../lib/bundle-entries.ts";

const target = (name: string, module: string): { types: string; default: string } => ({
  types: `./dist/${name}.d.ts`,
  default: module,
});

const LIBRARY: BundledManifest = {
  name: "@likex/library",
  exports: {
    ".": target("index", "./dist/index.js"),
    "./more": target("more/index", "./dist/more/index.js"),
    "./package.json": "./package.json",
  },
  dependencies: { "@likex/below": "workspace:*" },
  optionalDependencies: { native: "1" },
  publishConfig: {
    exports: {
      ".": target("index", "./dist/bundle/index.js"),
      "./more": target("more/index", "./dist/bundle/more.js"),
      "./package.json": "./package.json",
    },
  },
};

describe("bundles of a package", () => {
  it("are made of the sources of the entry points that publishConfig names", () => {
    expect(bundleEntries(LIBRARY)).toEqual({ index: "src/index.ts", more: "src/more/index.ts" });
  });

  it("may be for Node alone", () => {
    const exports = { "./node": { types: "./dist/node.d.ts", node: "./dist/node.js" } };
    const published = { "./node": { types: "./dist/node.d.ts", node: "./dist/bundle/node.js" } };
    expect(bundleEntries({ name: "node", exports, publishConfig: { exports: published } })).toEqual({
      node: "src/node.ts",
    });
  });

  it("may be programs", () => {
    const program = { bin: { run: "./dist/main.js" }, publishConfig: { bin: { run: "./dist/bundle/main.js" } } };
    expect(bundleEntries({ name: "program", ...program })).toEqual({ main: "src/main.ts" });
  });

  it.each([
    [
      "an entry point is missing",
      { ".": target("index", "./dist/bundle/index.js"), "./package.json": "./package.json" },
    ],
    ["the types differ", { ...LIBRARY.publishConfig?.exports, ".": target("other", "./dist/bundle/index.js") }],
    ["a file is neither bundle nor module", { ...LIBRARY.publishConfig?.exports, "./package.json": "./dist/a.json" }],
  ])("are refused when %s", (_, exports) => {
    expect(() => bundleEntries({ ...LIBRARY, publishConfig: { exports } })).toThrow(/@likex\/library/);
  });

  it("leave imports of installed packages and of Node, and take in everything else", () => {
    const isExternal = externalModules(LIBRARY);
    const modules = ["@likex/below", "@likex/below/part", "native", "node:fs", "module"];
    expect(modules.filter(isExternal)).toEqual(modules);
    expect(["./file.ts", "/root/file.ts", "@likex/other", "commander"].filter(isExternal)).toEqual([]);
  });

  it("may take in packages that are installed for their types", () => {
    const isExternal = externalModules({ ...LIBRARY, inlinedDependencies: ["@likex/below"] });
    expect(["@likex/below", "@likex/below/part", "native"].map(isExternal)).toEqual([false, false, true]);
  });
});
