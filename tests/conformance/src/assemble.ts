import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const directory = fileURLToPath(new URL("../programs", import.meta.url));

/** Whether GNU as and objcopy are here. */
export function hasAssembler(): boolean {
  return ["as", "objcopy"].every((tool) => spawnSync(tool, ["--version"]).status === 0);
}

/** The machine code of every programs/*.s, in hexadecimal, by name. Needs GNU as and objcopy. */
export function assembleAll(): { readonly [name: string]: string } {
  const scratch = mkdtempSync(join(tmpdir(), "likex-programs-"));
  try {
    const names = readdirSync(directory).filter((file) => file.endsWith(".s"));
    return Object.fromEntries(names.sort().map((file) => [file.slice(0, -".s".length), assemble(file, scratch)]));
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

function assemble(file: string, scratch: string): string {
  const object = join(scratch, "program.o");
  const binary = join(scratch, "program.bin");
  run("as", ["--64", join(directory, file), "-o", object]);
  run("objcopy", ["-O", "binary", "-j", ".text", object, binary]);
  return readFileSync(binary).toString("hex");
}

function run(tool: string, options: readonly string[]): void {
  const { status, stderr } = spawnSync(tool, options, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${tool} ${options.join(" ")} failed: ${stderr}`);
}
