import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import type { Check } from "./check.ts";
import { filesBelow, repositoryRoot, workspacePackages } from "./workspace.ts";

/** What is wrong with a changeset: its packages must exist, and its text is one sentence. */
export function changesetProblems(text: string, packages: ReadonlySet<string>): string[] {
  const match = /^---\n([\s\S]*?)\n---\n([\s\S]*)$/.exec(text);
  if (match === null) return ["has no front matter with packages"];
  const [, head = "", body = ""] = match;
  const problems: string[] = [];
  for (const line of head.split("\n")) {
    const name = /^"([^"]+)": (patch|minor|major)$/.exec(line)?.[1];
    if (name === undefined) problems.push(`cannot read the line ${line}`);
    else if (!packages.has(name)) problems.push(`names ${name}, which is no package`);
  }
  const sentence = body.trim();
  if (!/^[A-Z][^\n]*\.$/.test(sentence.replace(/\n/g, " ")) || /\.\s+[A-Z]/.test(sentence))
    problems.push("must be one sentence in the past tense");
  return problems;
}

export const changesets: Check = {
  name: "changesets name packages and say one sentence",
  run: () => {
    const all = [...workspacePackages("packages"), ...workspacePackages("apps")];
    const names = new Set(all.map(({ manifest }) => manifest.name));
    return filesBelow(join(repositoryRoot, ".changeset"), ".md")
      .filter((file) => !file.endsWith("README.md"))
      .flatMap((file) =>
        changesetProblems(readFileSync(file, "utf8"), names).map(
          (problem) => `${relative(repositoryRoot, file)} ${problem}`,
        ),
      );
  },
};
