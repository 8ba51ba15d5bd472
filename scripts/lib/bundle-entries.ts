import { builtinModules } from "node:module";
import { basename } from "node:path";
import { packageOf } from "./imports.ts";

/** What of a package.json decides on its bundles. */
export interface BundledManifest {
  readonly name: string;
  readonly exports?: Readonly<Record<string, string | Target>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  /** Packages of `dependencies` that the bundles take in all the same: they are installed for their types. */
  readonly inlinedDependencies?: readonly string[];
  /** Names of bundles that are also written as scripts for Node's vm: NAME.cjs. */
  readonly bundleScripts?: readonly string[];
  readonly publishConfig?: Pick<BundledManifest, "exports" | "bin">;
}

interface Target {
  readonly types?: string;
  /** Of an entry point for Node alone. */
  readonly node?: string;
  readonly default?: string;
}

const BUNDLE = /^\.\/dist\/bundle\/(.*)\.js$/;

const targetOf = (entry: string | Target | undefined): string | undefined =>
  typeof entry === "string" ? entry : (entry?.default ?? entry?.node);

const typesOf = (entry: string | Target | undefined): string | undefined =>
  typeof entry === "string" ? undefined : entry?.types;

/**
 * Sources of the bundles by their names: for each bundle of publishConfig, what the same entry point is in the workspace.
 * Throws an Error when the two do not have the same entry points and types.
 */
export function bundleEntries({
  name,
  exports,
  bin,
  publishConfig,
}: BundledManifest): Readonly<Record<string, string>> {
  const own = { ...exports, ...bin };
  const published = { ...publishConfig?.exports, ...publishConfig?.bin };
  const entries: Record<string, string> = {};
  for (const path of new Set([...Object.keys(own), ...Object.keys(published)])) {
    const module = targetOf(own[path]);
    const bundle = targetOf(published[path]);
    if (module === undefined || bundle === undefined || typesOf(own[path]) !== typesOf(published[path])) {
      throw new Error(
        `${name}: exports, bin and those of publishConfig differ in ${path}: give both, with the same types`,
      );
    }
    const file = BUNDLE.exec(bundle)?.[1];
    if (file !== undefined) entries[file] = module.replace(/^\.\/dist\//, "src/").replace(/\.js$/, ".ts");
    else if (bundle !== module)
      throw new Error(`${name}: ${path} is published as ${basename(bundle)}, which is no bundle`);
  }
  return entries;
}

/** Whether a module stays an import: what is installed with the package, and Node's own. */
export function externalModules(manifest: BundledManifest): (module: string) => boolean {
  const installed = new Set(Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies }));
  for (const name of manifest.inlinedDependencies ?? []) installed.delete(name);
  return (module) =>
    module.startsWith("node:") || builtinModules.includes(module) || installed.has(packageOf(module) ?? "");
}
