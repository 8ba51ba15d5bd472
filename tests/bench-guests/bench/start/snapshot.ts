import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { buildSync } from "esbuild";

/** Node's arguments for a start from a snapshot of the program, which finds packages from `directory`. */
export function buildSnapshot(program: string, directory: string): readonly string[] {
  const script = join(directory, "snapshot.cjs");
  const blob = join(directory, "snapshot.blob");
  const stdin = { contents: program, resolveDir: directory };
  buildSync({ stdin, outfile: script, bundle: true, platform: "node", format: "cjs", tsconfigRaw: {} });
  execFileSync(process.execPath, ["--snapshot-blob", blob, "--build-snapshot", script]);
  return ["--snapshot-blob", blob];
}
