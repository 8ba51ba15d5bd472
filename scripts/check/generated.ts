import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { Check } from "./check.ts";
import { exists, workspacePackages } from "./workspace.ts";

/** Every packages/NAME/scripts/generate.ts agrees with the files that it wrote. */
export const generated: Check = {
  name: "generated files are what their generators write",
  run: () =>
    workspacePackages("packages").flatMap(({ path, directory }) => {
      const script = join(directory, "scripts/generate.ts");
      if (!exists(script)) return [];
      const args = ["--import", "tsx", "--conditions=@likex/source", script, "--check"];
      const result = spawnSync(process.execPath, args, { cwd: directory, encoding: "utf8" });
      return result.status === 0
        ? []
        : [`${path}: ${result.stderr.trim().split("\n")[0] ?? "generate --check failed"}`];
    }),
};
