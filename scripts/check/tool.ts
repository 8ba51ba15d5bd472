import { spawnSync } from "node:child_process";
import type { Check } from "./check.ts";
import { repositoryRoot } from "./workspace.ts";

/** A check that is a program of node_modules: it holds when the program exits 0. */
export function tool(
  name: string,
  program: string,
  args: readonly string[],
  directory: string = repositoryRoot,
): Check {
  return {
    name,
    run: () => {
      const result = spawnSync("pnpm", ["--silent", "exec", program, ...args], { cwd: directory, encoding: "utf8" });
      if (result.status === 0) return [];
      return `${result.stdout}${result.stderr}`.trim().split("\n").slice(0, 60);
    },
  };
}
