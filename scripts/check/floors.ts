import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { floorProblems, floorTableProblems, parseFloors } from "../lib/floors.ts";
import type { Check } from "./check.ts";
import { filesBelow, repositoryRoot, workspacePackages } from "./workspace.ts";

export const floors: Check = {
  name: "packages depend on and import what ARCHITECTURE.md's table allows",
  run: () => {
    const rows = parseFloors(readFileSync(join(repositoryRoot, "ARCHITECTURE.md"), "utf8"));
    const packages = [...workspacePackages("packages"), ...workspacePackages("apps")];
    const problems = floorTableProblems(
      rows,
      packages.map(({ path }) => path),
    );
    for (const { path, directory, manifest } of packages) {
      const row = rows.find((candidate) => candidate.directory === path);
      if (row === undefined) continue;
      const sources = filesBelow(join(directory, "src"), ".ts").map((file) => ({
        path: relative(repositoryRoot, file),
        text: readFileSync(file, "utf8"),
      }));
      problems.push(...floorProblems(row, manifest, sources));
    }
    return problems;
  },
};
