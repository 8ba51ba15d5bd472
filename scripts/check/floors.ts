import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import type { Check } from "./check.ts";
import { filesBelow, repositoryRoot, workspacePackages } from "./workspace.ts";

export interface Floor {
  readonly floor: number;
  readonly imports: ReadonlySet<string>;
}

/** The table of packages in ARCHITECTURE.md: lines `| floor | package | holds | may import |`. */
export function parseFloors(markdown: string): Map<string, Floor> {
  const rows = new Map<string, Floor>();
  for (const line of markdown.split("\n")) {
    const cells = line.split("|").map((cell) => cell.trim());
    const floor = cells[1] ?? "";
    const name = /^`([a-z0-9-]+)`$/.exec(cells[2] ?? "")?.[1];
    if (!/^\d$/.test(floor) || name === undefined) continue;
    const imports = [...(cells[4] ?? "").matchAll(/`([a-z0-9-]+)`/g)].map((match) => match[1] as string);
    rows.set(name, { floor: Number(floor), imports: new Set(imports) });
  }
  return rows;
}

/** What in a package's dependencies or imports the table does not allow. */
export function floorProblems(
  name: string,
  uses: readonly { readonly package: string; readonly where: string }[],
  table: ReadonlyMap<string, Floor>,
): string[] {
  const row = table.get(name);
  if (row === undefined) return [`${name} is not in ARCHITECTURE.md's table of packages`];
  return uses.flatMap(({ package: used, where }) => {
    if (used === name) return [];
    if (!row.imports.has(used)) return [`${where}: ${name} may not import ${used}`];
    const floor = table.get(used)?.floor ?? Number.POSITIVE_INFINITY;
    return floor < row.floor ? [] : [`${where}: ${used} is not on a floor below ${name}`];
  });
}

const IMPORT = /(?:from|import)\s*\(?\s*"@likex\/([a-z0-9-]+)[^"]*"/g;

/** Packages that may use Node's modules; every other runs in a browser too. */
const NODE_PACKAGES: ReadonlySet<string> = new Set(["kvm-host"]);

export const floors: Check = {
  name: "packages import what ARCHITECTURE.md's table allows, and no Node modules",
  run: () => {
    const table = parseFloors(readFileSync(join(repositoryRoot, "ARCHITECTURE.md"), "utf8"));
    return workspacePackages("packages").flatMap(({ path, directory, manifest }) => {
      const name = path.slice("packages/".length);
      const declared = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
        .filter((dependency) => dependency.startsWith("@likex/"))
        .map((dependency) => ({ package: dependency.slice("@likex/".length), where: `${path}/package.json` }));
      const problems: string[] = [];
      const imported = filesBelow(join(directory, "src"), ".ts").flatMap((file) => {
        const text = readFileSync(file, "utf8");
        const where = relative(repositoryRoot, file);
        if (!NODE_PACKAGES.has(name) && /from "node:/.test(text)) problems.push(`${where}: imports a module of Node`);
        return [...text.matchAll(IMPORT)].map((match) => ({ package: match[1] as string, where }));
      });
      return [...problems, ...floorProblems(name, [...declared, ...imported], table)];
    });
  },
};
