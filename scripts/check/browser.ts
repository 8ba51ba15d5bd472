import { readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join, relative } from "node:path";
import { importedModules } from "../lib/imports.ts";
import type { Check } from "./check.ts";
import { filesBelow, type Manifest, repositoryRoot, workspacePackages } from "./workspace.ts";

/** Packages that may use Node's modules; every other one runs in a browser too. */
const NODE_PACKAGES: ReadonlySet<string> = new Set(["packages/kvm-host", "apps/cli"]);

const BUILTINS: ReadonlySet<string> = new Set(builtinModules);

/** Sources of entry points that have a file for Node and none for others: nobody else can import them. */
function nodeEntries({ exports = {} }: Manifest): string[] {
  return Object.values(exports).flatMap((target) =>
    typeof target === "object" && target.node !== undefined && target.default === undefined
      ? [target["@likex/source"] ?? ""]
      : [],
  );
}

export const browser: Check = {
  name: "packages that run in a browser import none of Node's modules",
  run: () =>
    [...workspacePackages("packages"), ...workspacePackages("apps")]
      .filter(({ path }) => !NODE_PACKAGES.has(path))
      .flatMap(({ directory, manifest }) => {
        const forNode = nodeEntries(manifest).map((source) => join(directory, source));
        return filesBelow(join(directory, "src"), ".ts").filter((file) => !forNode.includes(file));
      })
      .flatMap((file) =>
        importedModules(readFileSync(file, "utf8"))
          .filter((module) => module.startsWith("node:") || BUILTINS.has(module))
          .map((module) => `${relative(repositoryRoot, file)} imports ${module}`),
      ),
};
