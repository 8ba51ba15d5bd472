import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assemble, PROGRAMS } from "../src/programs.ts";

/** Runs every program under QEMU TCG and prints what it finds wrong there, beside what is known to differ. */
const SECONDS = 20;
/** Of each program: one that goes astray can repeat itself for ever. */
const MOST_LINES = 20;
const ARGUMENTS = [
  ...["-cpu", "max", "-display", "none", "-serial", "none", "-monitor", "none", "-no-reboot"],
  ...["-debugcon", "stdio", "-device", "isa-debug-exit,iobase=0xf4"],
];

const directory = mkdtempSync(join(tmpdir(), "likex-oracle-"));
let unexplained = 0;
for (const [name, { qemuDiffers }] of Object.entries(PROGRAMS)) {
  const image = join(directory, name);
  writeFileSync(image, assemble(name, "lax"));
  const { stdout, error } = spawnSync("qemu-system-x86_64", [...ARGUMENTS, "-kernel", image], {
    encoding: "latin1",
    timeout: SECONDS * 1000,
  });
  if (error !== undefined && !stdout) throw error;
  const lines = stdout.split("\n");
  const wrong = lines.filter((line) => line.startsWith("BAD "));
  const isKnown = (line: string): boolean => qemuDiffers.some((check) => line.startsWith(`BAD ${check} `));
  const unknown = wrong.filter((line) => !isKnown(line));
  if (!lines.includes("done")) unknown.push("the program did not end");
  unexplained += unknown.length;
  const agreed = lines.filter((line) => line.startsWith("ok ")).length;
  console.log(`${name}: ${agreed} checks agree, ${wrong.filter(isKnown).length} known to differ`);
  for (const line of unknown.slice(0, MOST_LINES)) console.log(`  ${line}`);
}
rmSync(directory, { recursive: true });
if (unexplained > 0) process.exitCode = 1;
