import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { filesBelow, repositoryRoot } from "../../../scripts/check/workspace.ts";
import { type Example, examples } from "../../../scripts/lib/markdown.ts";

const SCRATCH = fileURLToPath(new URL("../node_modules/.examples/", import.meta.url));

export interface ReadmeExample extends Example {
  /** Path of the README relative to the repository's root. */
  readonly readme: string;
}

/** The examples of every README of the repository. */
export function readmeExamples(): ReadmeExample[] {
  return filesBelow(repositoryRoot, "README.md").flatMap((file) =>
    examples(readFileSync(file, "utf8")).map((example) => ({ ...example, readme: file.slice(repositoryRoot.length) })),
  );
}

/** Runs an example in a process of its own, against the packages' sources; returns what it printed on both streams. */
export function runExample({ readme, line, code }: ReadmeExample): Promise<string> {
  const file = join(SCRATCH, `${readme.replace(/\W/g, "-")}-${line}.ts`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, code);
  const args = ["--import", "tsx", "--conditions=@likex/source", file];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: repositoryRoot, timeout: 60_000 }, (_error, stdout, stderr) => {
      rmSync(file);
      resolve(stdout + stderr);
    });
  });
}
