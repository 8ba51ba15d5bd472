import { spawnSync } from "node:child_process";
import type { Check } from "./check.ts";
import { repositoryRoot } from "./workspace.ts";

function pnpm(name: string, args: readonly string[], directory: string): Check {
  return {
    name,
    run: () => {
      const result = spawnSync("pnpm", ["--silent", ...args], { cwd: directory, encoding: "utf8" });
      if (result.status === 0) return [];
      return `${result.stdout}${result.stderr}`.trim().split("\n").slice(0, 60);
    },
  };
}

/** A check that is a program of node_modules: it holds when the program exits 0. */
export const tool = (
  name: string,
  program: string,
  args: readonly string[],
  directory: string = repositoryRoot,
): Check => pnpm(name, ["exec", program, ...args], directory);

/** A check that is a script of a package. */
export const script = (name: string, scriptName: string, directory: string): Check =>
  pnpm(name, ["run", scriptName], directory);
