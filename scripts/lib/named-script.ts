import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { exists, repositoryRoot, workspacePackages } from "../check/workspace.ts";

/**
 * Runs the script of that name that some package has in its folder `kind` ("bench", "fuzz") with the arguments behind the
 * name, and returns its exit code; without a name it lists them. What such scripts import lies in folders below.
 */
export function runNamedScript(kind: "bench" | "fuzz", options: string): number {
  const [name, ...rest] = process.argv.slice(2);
  const scripts = new Map(
    (["packages", "apps", "tests"] as const)
      .flatMap(workspacePackages)
      .map(({ directory }) => join(directory, kind))
      .filter(exists)
      .flatMap((directory) =>
        readdirSync(directory)
          .filter((file) => file.endsWith(".ts"))
          .map((file): [string, string] => [file.slice(0, -".ts".length), join(directory, file)]),
      ),
  );
  const file = scripts.get(name ?? "");
  if (file !== undefined) {
    const args = ["--import", "tsx", "--conditions=@likex/source", file, ...rest];
    return spawnSync(process.execPath, args, { cwd: repositoryRoot, stdio: "inherit" }).status ?? 1;
  }
  const list = [...scripts].map(([known, path]) => `  ${known.padEnd(20)} ${relative(repositoryRoot, path)}`).sort();
  const asksForHelp = name === undefined || name === "--help";
  const text = `pnpm ${kind} NAME ${options}\n\n${list.join("\n")}`;
  if (asksForHelp) console.log(text);
  else console.error(`there is no ${kind} ${name}\n\n${text}`);
  return asksForHelp ? 0 : 2;
}
