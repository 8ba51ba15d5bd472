import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type { Check } from "./check.ts";
import { exists, filesBelow, repositoryRoot } from "./workspace.ts";

/** Targets of a Markdown text's links that are paths. */
export function linkedPaths(markdown: string): string[] {
  const prose = markdown.replace(/```[\s\S]*?```/g, "");
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => match[1] as string)
    .filter((target) => !/^(https?:|mailto:|#)/.test(target))
    .map((target) => target.split("#")[0] as string);
}

export const links: Check = {
  name: "links between documents lead somewhere",
  run: () =>
    filesBelow(repositoryRoot, ".md").flatMap((file) =>
      linkedPaths(readFileSync(file, "utf8"))
        .filter((target) => !exists(join(dirname(file), target)))
        .map((target) => `${relative(repositoryRoot, file)}: ${target} does not exist`),
    ),
};
