import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exists, repositoryRoot } from "../../../../scripts/check/workspace.ts";

interface PublishedManifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly inlinedDependencies?: readonly string[];
  readonly publishConfig?: object;
}

const SCOPE = "@likex/";

function directoryOf(name: string): string {
  const [inPackages, inApps] = ["packages", "apps"].map((group) =>
    join(repositoryRoot, group, name.slice(SCOPE.length)),
  );
  return exists(inPackages as string) ? (inPackages as string) : (inApps as string);
}

const manifestOf = (name: string): PublishedManifest =>
  JSON.parse(readFileSync(join(directoryOf(name), "package.json"), "utf8")) as PublishedManifest;

/** These packages of ours and all of ours that their bundles import. */
function closure(names: readonly string[]): string[] {
  const found = new Set<string>();
  const visit = (name: string): void => {
    if (!name.startsWith(SCOPE) || found.has(name)) return;
    found.add(name);
    const { dependencies = {}, inlinedDependencies = [] } = manifestOf(name);
    for (const dependency of Object.keys(dependencies))
      if (!inlinedDependencies.includes(dependency)) visit(dependency);
  };
  for (const name of names) visit(name);
  return [...found];
}

/** A directory in which packages are installed as npm would have them: bundled, with publishConfig in their package.json. */
export class PublishedPackages {
  readonly directory: string = mkdtempSync(join(tmpdir(), "likex-published-"));

  /** Bundles and installs them, with all of ours that they need. Their dist/ must be built. */
  constructor(names: readonly string[]) {
    const all = closure(names);
    const script = join(repositoryRoot, "scripts/bundle.ts");
    const bundled = spawnSync(process.execPath, ["--import", "tsx", script, ...all.map(directoryOf)], {
      cwd: repositoryRoot,
      encoding: "utf8",
    });
    if (bundled.status !== 0) throw new Error(`scripts/bundle.ts: ${bundled.stderr}${bundled.stdout}`);
    for (const name of all) {
      const installed = join(this.directory, "node_modules", name);
      mkdirSync(installed, { recursive: true });
      cpSync(join(directoryOf(name), "dist/bundle"), join(installed, "dist/bundle"), { recursive: true });
      const { publishConfig, ...manifest } = manifestOf(name);
      writeFileSync(join(installed, "package.json"), JSON.stringify({ ...manifest, ...publishConfig }));
    }
  }

  dispose(): void {
    rmSync(this.directory, { recursive: true });
  }
}
