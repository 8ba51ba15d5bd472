import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { runHere } from "./run-here.ts";

const hasObjdump = spawnSync("objdump", ["--version"]).status === 0;
const programs = ["/bin/true", "/bin/ls"].filter((path) => process.platform === "linux" && existsSync(path));
const isElf = process.arch === "x64";

interface Listing {
  /** "1000: 31 c0": address and bytes of each instruction. */
  readonly instructions: readonly string[];
  /** "1000 main". */
  readonly labels: readonly string[];
}

/**
 * Reads a listing of either program. objdump gives names their versions, and a section without a symbol the distance from
 * some other section's symbol: there only the address can be compared.
 */
function read(output: string): Listing {
  const instructions: string[] = [];
  const labels: string[] = [];
  for (const line of output.split("\n")) {
    const [, address, bytes] = /^ *([0-9a-f]+):\t((?:[0-9a-f]{2} )+)/.exec(line) ?? [];
    if (address !== undefined && bytes !== undefined) {
      instructions.push(`${address}: ${bytes.trim()}`);
      continue;
    }
    const [, at, name] = /^([0-9a-f]+) <(.*)>:$/.exec(line) ?? [];
    if (at === undefined || name === undefined) continue;
    const isSymbol = !name.startsWith(".") && !/[-+]0x/.test(name.replace(/^\*ABS\*\+0x/, ""));
    labels.push(isSymbol ? `${at} ${name.replace(/@@?[A-Z][\w.]*$/, "")}` : at);
  }
  return { instructions, labels };
}

describe.skipIf(!hasObjdump || !isElf || programs.length === 0)(
  "likex disasm agrees with objdump in every address, byte and label (skipped where there is no objdump for x86)",
  () => {
    it.each(programs)("%s", { timeout: 60_000 }, async (path) => {
      const { stdout, status } = spawnSync("objdump", ["-d", "-z", "-w", path], {
        encoding: "utf8",
        maxBuffer: 1 << 28,
      });
      expect(status).toBe(0);
      const { code, output } = await runHere("disasm", path);
      expect(code).toBe(0);
      const ours = read(output);
      expect(ours).toEqual(read(stdout));
      expect(ours.instructions.length).toBeGreaterThan(1000);
      expect(ours.labels.length).toBeGreaterThan(10);
    });
  },
);
