import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const repositoryRoot: string = fileURLToPath(new URL("../../", import.meta.url));

export interface Manifest {
  readonly name: string;
  readonly private?: boolean;
  readonly bin?: Readonly<Record<string, string>>;
  /** Entry points: a file, or files by condition. */
  readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly scripts?: { readonly prepack?: string };
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

export interface WorkspacePackage {
  /** Path from the repository's root, as "packages/kvm". */
  readonly path: string;
  readonly directory: string;
  readonly manifest: Manifest;
}

/** The packages below packages/, apps/ or tests/. */
export function workspacePackages(group: "packages" | "apps" | "tests"): WorkspacePackage[] {
  return readdirSync(join(repositoryRoot, group))
    .filter((name) => exists(join(repositoryRoot, group, name, "package.json")))
    .map((name) => {
      const path = `${group}/${name}`;
      const directory = join(repositoryRoot, path);
      const manifest = JSON.parse(readFileSync(join(directory, "package.json"), "utf8")) as Manifest;
      return { path, directory, manifest };
    });
}

export const exists = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) !== undefined;

/** Paths of the files below a directory that end with a suffix; build output and dependencies are left out. */
export function filesBelow(directory: string, suffix: string): string[] {
  if (!exists(directory)) return [];
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    if (["node_modules", "dist", ".git", ".turbo"].includes(entry.name)) return [];
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return filesBelow(path, suffix);
    return entry.name.endsWith(suffix) ? [path] : [];
  });
}
