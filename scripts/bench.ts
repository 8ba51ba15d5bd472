import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { exists, repositoryRoot, workspacePackages } from "./check/workspace.ts";

/** `pnpm bench NAME [options]`: runs the bench/NAME.ts of whichever package has it. */
const [name, ...rest] = process.argv.slice(2);

const benches = new Map(
  (["packages", "apps", "tests"] as const)
    .flatMap(workspacePackages)
    .map(({ directory }) => join(directory, "bench"))
    .filter(exists)
    .flatMap((directory) =>
      readdirSync(directory)
        .filter((file) => file.endsWith(".ts"))
        .map((file): [string, string] => [file.slice(0, -".ts".length), join(directory, file)]),
    ),
);

const file = benches.get(name ?? "");
if (file === undefined) {
  const list = [...benches].map(([known, path]) => `  ${known.padEnd(20)} ${relative(repositoryRoot, path)}`).sort();
  const asksForHelp = name === undefined || name === "--help";
  const text = `pnpm bench NAME [--json]\n\n${list.join("\n")}`;
  if (asksForHelp) console.log(text);
  else console.error(`there is no bench ${name}\n\n${text}`);
  process.exitCode = asksForHelp ? 0 : 2;
} else {
  const args = ["--import", "tsx", "--conditions=@likex/source", file, ...rest];
  process.exitCode = spawnSync(process.execPath, args, { cwd: repositoryRoot, stdio: "inherit" }).status ?? 1;
}
