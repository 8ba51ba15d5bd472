import type { Check } from "./check.ts";
import { script, tool } from "./tool.ts";
import { workspacePackages } from "./workspace.ts";

/**
 * What npm would get of each package is complete and its types resolve; a command has none. publint packs without running
 * `prepack`.
 */
export const published = (): readonly Check[] =>
  [...workspacePackages("packages"), ...workspacePackages("apps")]
    .filter(({ manifest }) => manifest.private !== true)
    .flatMap(({ path, directory, manifest }) => [
      ...(manifest.scripts?.prepack === undefined ? [] : [script(`prepack: ${path}`, "prepack", directory)]),
      tool(`publint: ${path}`, "publint", ["--strict"], directory),
      ...(manifest.bin !== undefined
        ? []
        : [tool(`are the types wrong: ${path}`, "attw", ["--pack", ".", "--profile", "esm-only"], directory)]),
    ]);
