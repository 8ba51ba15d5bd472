import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { anchors, relativeLinks } from "../lib/markdown.ts";
import type { Check } from "./check.ts";
import { exists, filesBelow, repositoryRoot } from "./workspace.ts";

export const links: Check = {
  name: "links between documents lead somewhere",
  run: () =>
    filesBelow(repositoryRoot, ".md").flatMap((file) =>
      relativeLinks(readFileSync(file, "utf8")).flatMap(({ line, path, anchor }) => {
        const target = path === "" ? file : join(dirname(file), path);
        const where = `${relative(repositoryRoot, file)}:${line}`;
        if (!exists(target)) return [`${where}: ${path} does not exist`];
        if (anchor === "" || !target.endsWith(".md")) return [];
        return anchors(readFileSync(target, "utf8")).has(anchor) ? [] : [`${where}: no heading #${anchor} in ${path}`];
      }),
    ),
};
