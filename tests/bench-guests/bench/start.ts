import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { repositoryRoot } from "../../../scripts/check/workspace.ts";
import {
  AGAIN_PROGRAM,
  CACHED_PROGRAM,
  type Costs,
  MICROVM_PROGRAM,
  NODE_PROGRAM,
  PACKAGES_PROGRAM,
  SNAPSHOT_PROGRAM,
  V86_PROGRAM,
} from "./start/programs.ts";
import { PublishedPackages } from "./start/published.ts";
import { buildSnapshot } from "./start/snapshot.ts";

const USAGE = `Cold start: from the import of the packages to the first instructions of a guest, in a process of its own each.

  pnpm bench start [--rounds N] [--json]

  microvm    @likex/microvm as npm gets it: hypervisor and VMM, with all packages below, in one file
  cached     @likex/microvm/cached: the same from a script and V8's code cache, which an earlier process has written
  snapshot   a process that starts from a snapshot (node --build-snapshot) in which @likex/microvm has been imported
  packages   @likex/kvm and @likex/vmm-runner as npm gets them: each package one file
  workspace  the same as the workspace has them: some two hundred modules of dist/
  again      microvm, a second machine in a process that has had one, with a hypervisor of its own and in the same
  v86        its import to the first instruction of a multiboot image
  node       an empty program

"total" is from the import to the end of a guest of three instructions, "process" from the start of the process.

  --rounds N  processes of each, interleaved; medians are printed (default 15)
  --json      one JSON object on stdout

Times are milliseconds of CPU, all threads, and on the clock. The first includes what other programs on the machine do to
caches and shared cores, the second waiting for them too.`;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "15" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

interface Subject {
  readonly name: string;
  /** Node's arguments. */
  readonly args: readonly string[];
  /** Where it finds the packages. */
  readonly directory: string;
}

const subject = (name: string, program: string, directory: string): Subject => ({
  name,
  args: ["--input-type=module", "-e", program],
  directory,
});

// Node parses those certificates first, for 30 ms.
const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;

function runOnce({ name, args, directory }: Subject): Costs {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: directory, env, encoding: "utf8" });
  if (status !== 0) throw new Error(`${name} in ${directory}: ${stderr}`);
  return JSON.parse(stdout) as Costs;
}

const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[list.length >> 1] ?? Number.NaN;

function medians(runs: readonly Costs[]): Costs {
  const steps = Object.keys(runs[0] ?? {});
  const of = (step: string, kind: "cpu" | "wall"): number => median(runs.map((run) => run[step]?.[kind] ?? Number.NaN));
  return Object.fromEntries(steps.map((step) => [step, { cpu: of(step, "cpu"), wall: of(step, "wall") }]));
}

/** Runs all subjects in turn, so that a change of the machine's load meets all of them. */
function measure(subjects: readonly Subject[], rounds: number): Map<string, Costs> {
  const runs = subjects.map((): Costs[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, subject] of subjects.entries()) runs[index]?.push(runOnce(subject));
  }
  return new Map(subjects.map(({ name }, index) => [name, medians(runs[index] ?? [])]));
}

function print(measured: ReadonlyMap<string, Costs>): void {
  console.log("                      CPU ms  clock ms");
  for (const [name, costs] of measured) {
    for (const [step, { cpu, wall }] of Object.entries(costs)) {
      console.log(`${`${name}/${step}`.padEnd(20)} ${cpu.toFixed(1).padStart(7)} ${wall.toFixed(1).padStart(9)}`);
    }
  }
}

function main(): number {
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const rounds = Number(values.rounds);
  if (!Number.isSafeInteger(rounds) || rounds < 1) {
    console.error(`bench start: --rounds ${values.rounds}: a whole number from 1 on is wanted`);
    return 2;
  }
  execFileSync(join(repositoryRoot, "node_modules/.bin/tsc"), ["-b"], { cwd: repositoryRoot, stdio: "inherit" });
  const here = fileURLToPath(new URL("..", import.meta.url));
  const published = new PublishedPackages(["@likex/microvm", "@likex/kvm", "@likex/vmm-runner"]);
  try {
    const cached = subject("cached", CACHED_PROGRAM, published.directory);
    runOnce({ ...cached, args: [...cached.args, "write"] });
    const measured = measure(
      [
        subject("microvm", MICROVM_PROGRAM, published.directory),
        cached,
        { name: "snapshot", args: buildSnapshot(SNAPSHOT_PROGRAM, published.directory), directory: here },
        subject("packages", PACKAGES_PROGRAM, published.directory),
        subject("workspace", PACKAGES_PROGRAM, here),
        subject("again", AGAIN_PROGRAM, published.directory),
        subject("v86", V86_PROGRAM, here),
        subject("node", NODE_PROGRAM, here),
      ],
      rounds,
    );
    const cpuOf = (name: string): number => measured.get(name)?.total?.cpu ?? Number.NaN;
    const ratio = cpuOf("microvm") / cpuOf("v86");
    if (values.json) {
      const results = [...measured].flatMap(([name, costs]) =>
        Object.entries(costs).flatMap(([step, { cpu, wall }]) => [
          {
            ...{ name: `${name}/${step}`, value: cpu, unit: "ms" },
            ...(name === "microvm" && step === "total" ? { peer: "v86", ratio } : {}),
          },
          { name: `${name}/${step}/clock`, value: wall, unit: "ms" },
        ]),
      );
      console.log(JSON.stringify({ name: "start", ok: true, skipped: [], results }, undefined, 2));
    } else {
      print(measured);
      console.log(`microvm over v86: ${ratio.toFixed(2)}, ${(1 / ratio).toFixed(1)} times as fast`);
    }
    return 0;
  } finally {
    published.dispose();
  }
}

process.exitCode = main();
