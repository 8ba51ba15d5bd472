import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BACK_ENDS, type BackEnd } from "../../../packages/cpu-executor/test/support/back-ends.ts";
import { BareMachine } from "../src/bare-machine.ts";
import { compareOutputs } from "../src/compare-outputs.ts";
import { imageOf, PROGRAMS } from "../src/programs.ts";

/** Runs the images of all programs, or of those named, under QEMU TCG and here, and compares what they print. */
const SECONDS = 30;
const INSTRUCTIONS = 20_000_000;
/** Of each program: one that goes astray can repeat itself for ever. */
const MOST_LINES = 20;
const ARGUMENTS = [
  ...[
    "-accel",
    "tcg",
    "-cpu",
    "max",
    "-m",
    "128",
    "-display",
    "none",
    "-serial",
    "none",
    "-monitor",
    "none",
    "-no-reboot",
  ],
  ...["-debugcon", "stdio", "-device", "isa-debug-exit,iobase=0xf4"],
];

const chosen = process.argv.slice(2);
const directory = mkdtempSync(join(tmpdir(), "likex-oracle-"));
let unexplained = 0;
for (const name of Object.keys(PROGRAMS)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  const image = join(directory, name);
  writeFileSync(image, imageOf(name));
  const { stdout, error } = spawnSync("qemu-system-x86_64", [...ARGUMENTS, "-kernel", image], {
    encoding: "latin1",
    timeout: SECONDS * 1000,
  });
  if (error !== undefined && !stdout) throw error;
  for (const backEnd of BACK_ENDS) report(name, backEnd, stdout);
}
rmSync(directory, { recursive: true });
if (unexplained > 0) process.exitCode = 1;

function report(name: string, backEnd: BackEnd, stdout: string): void {
  const machine = new BareMachine(imageOf(name), backEnd);
  machine.run(INSTRUCTIONS);
  const result = compareOutputs(machine.output, stdout, PROGRAMS[name]?.qemuDiffers ?? []);
  machine.dispose();
  unexplained += result.unexplained.length + result.stale.length;
  console.log(
    `${name} (${backEnd.name}): ${result.same} lines are the same, ${result.known.length} known to differ, ${result.skipped.length} not asked`,
  );
  for (const line of result.unexplained.slice(0, MOST_LINES)) console.log(`  ${line}`);
  for (const check of result.stale) console.log(`  does not differ: ${check}`);
}
