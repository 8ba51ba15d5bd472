import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sourcePath } from "./program.ts";

/** Whether nasm is installed. */
export function hasNasm(): boolean {
  try {
    execFileSync("nasm", ["-v"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Assembles a program of `programs/`. */
export function assemble(name: string): Uint8Array {
  const directory = mkdtempSync(join(tmpdir(), "likex-guests-"));
  try {
    const output = join(directory, "program.bin");
    execFileSync("nasm", ["-f", "bin", "-o", output, sourcePath(name)]);
    return new Uint8Array(readFileSync(output));
  } finally {
    rmSync(directory, { recursive: true });
  }
}
