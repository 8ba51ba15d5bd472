import { join } from "node:path";
import type { Check } from "./check.ts";
import { tool } from "./tool.ts";
import { exists, workspacePackages } from "./workspace.ts";

/** Every package with a .size-limit.json stays below the sizes that it names, minified and gzipped. */
export function sizes(): Check[] {
  return workspacePackages("packages")
    .filter(({ directory }) => exists(join(directory, ".size-limit.json")))
    .map(({ path, directory }) => tool(`${path}: size-limit`, "size-limit", [], directory));
}
