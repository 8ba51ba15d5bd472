import type { Manifest } from "../check/workspace.ts";
import { importedModules, packageOf } from "./imports.ts";

export const SCOPE = "@likex/";

export interface Floor {
  readonly floor: number;
  /** Directory relative to the root. */
  readonly directory: string;
  /** Names of packages without scope, or "anything" for the top floor. */
  readonly mayImport: readonly string[] | "anything";
}

const cells = (line: string): string[] =>
  line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim());

const codeSpans = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map((match) => match[1] as string);

/** Reads the table `floor | package | holds | may import` of a markdown text. */
export function parseFloors(markdown: string): Floor[] {
  const lines = markdown.split("\n");
  const head = lines.findIndex((line) => cells(line).join(",") === "floor,package,holds,may import");
  if (head < 0) throw new Error("no table with the columns: floor, package, holds, may import");
  const floors: Floor[] = [];
  for (const line of lines.slice(head + 2)) {
    if (!line.startsWith("|")) break;
    const [floor = "", name = "", , imports = ""] = cells(line);
    const directory = codeSpans(name)[0];
    if (directory === undefined || !/^\d+$/.test(floor)) throw new Error(`row without floor or package: ${line}`);
    floors.push({
      floor: Number(floor),
      directory: directory.includes("/") ? directory : `packages/${directory}`,
      mayImport: imports === "anything" ? "anything" : codeSpans(imports),
    });
  }
  return floors;
}

/** What is wrong in the table itself: unknown or higher packages in "may import". */
export function floorTableProblems(floors: readonly Floor[], directories: readonly string[]): string[] {
  const problems: string[] = [];
  const byDirectory = new Map(floors.map((row) => [row.directory, row]));
  for (const directory of directories) {
    if (!byDirectory.has(directory)) problems.push(`${directory} is not in the table`);
  }
  for (const row of floors) {
    if (!directories.includes(row.directory)) problems.push(`${row.directory} is in the table but does not exist`);
    if (row.mayImport === "anything") continue;
    for (const name of row.mayImport) {
      const target = byDirectory.get(`packages/${name}`);
      if (target === undefined) problems.push(`${row.directory} may import ${name}, which the table does not know`);
      else if (target.floor >= row.floor) problems.push(`${row.directory} may import ${name}, which is not below it`);
    }
  }
  return problems;
}

export interface PackageSource {
  readonly path: string;
  readonly text: string;
}

/** What a package depends on or imports against its row. `sources` are the files below its src/. */
export function floorProblems(row: Floor, manifest: Manifest, sources: readonly PackageSource[]): string[] {
  if (row.mayImport === "anything") return [];
  const allowed = new Set(row.mayImport.map((name) => SCOPE + name));
  const declared = { ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.peerDependencies };
  const problems: string[] = [];
  for (const name of Object.keys(declared)) {
    if (name.startsWith(SCOPE) && !allowed.has(name)) {
      problems.push(`${row.directory}/package.json depends on ${name}, which its row does not name`);
    }
  }
  for (const { path, text } of sources) {
    for (const name of new Set(importedModules(text).map(packageOf))) {
      if (name === undefined || name === manifest.name) continue;
      if (name.startsWith(SCOPE) && !allowed.has(name)) problems.push(`${path} imports ${name} against the table`);
      else if (!(name in declared)) problems.push(`${path} imports ${name}, which package.json does not declare`);
    }
  }
  return problems;
}
