import { spawnSync } from "node:child_process";
import { fileURLToPath, pathToFileURL } from "node:url";

const directory = fileURLToPath(new URL("../..", import.meta.url));

export interface ImportTimes {
  /**
   * Milliseconds until the package as npm gets it is imported, in a process of its own whose module loader has run before;
   * the median.
   */
  readonly bundle: number;
  /** The same for the modules of dist/, one by one. */
  readonly modules: number;
  readonly theirs: number;
}

function run(program: string, args: readonly string[]): string {
  const result = spawnSync(program, args, { cwd: directory, encoding: "utf8" });
  if (result.status !== 0) throw new Error(`${program} ${args.join(" ")}: ${result.stderr}${result.stdout}`);
  return result.stdout;
}

/** Builds the package as for npm and loads it, and iced-x86, in `rounds` processes each. */
export function measureImport(rounds: number): ImportTimes {
  run("pnpm", ["--silent", "run", "prepack"]);
  const median = (statement: string): number => {
    const source = `await import("data:text/javascript,"); const start = performance.now(); ${statement}; console.log(performance.now() - start);`;
    const times = Array.from({ length: rounds }, () =>
      Number(run(process.execPath, ["--input-type=module", "-e", source])),
    );
    return times.sort((a, b) => a - b)[rounds >> 1] ?? 0;
  };
  const importOf = (file: string): string =>
    `await import(${JSON.stringify(pathToFileURL(`${directory}${file}`).href)})`;
  return {
    bundle: median(importOf("dist/bundle/index.js")),
    modules: median(importOf("dist/index.js")),
    theirs: median(`await import("iced-x86")`),
  };
}
