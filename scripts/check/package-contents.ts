import { readFileSync } from "node:fs";
import { join } from "node:path";
import { examples } from "../lib/markdown.ts";
import type { Check } from "./check.ts";
import { exists, filesBelow, workspacePackages } from "./workspace.ts";

/** Every package has a README with an example, tests, and a licence field. */
export const packageContents: Check = {
  name: "packages have a README with a runnable example, and tests",
  run: () =>
    workspacePackages("packages").flatMap(({ path, directory }) => {
      const readme = join(directory, "README.md");
      if (!exists(readme)) return [`${path} has no README.md`];
      const problems: string[] = [];
      if (examples(readFileSync(readme, "utf8")).length === 0)
        problems.push(`${path}/README.md has no example: a ts block with a text block of its output after it`);
      if (filesBelow(join(directory, "test"), ".test.ts").length === 0) problems.push(`${path} has no tests`);
      return problems;
    }),
};
