// The processor's part of a port access that exits: run() to STOP.port, and completeInstruction(). Prints nanoseconds of CPU time.
import { STOP } from "../src/index.ts";
import { SystemMachine } from "../test/support/system-machine.ts";

const ROUNDS = 12;
const STOPS = 500_000;
const BUDGET = 1 << 30;

/** Nanoseconds of CPU time of one step, in the fastest round: other rounds had the machine's load in them. */
const measure = (step: () => void): number => {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.cpuUsage();
    for (let i = 0; i < STOPS; i++) step();
    const { user, system } = process.cpuUsage(start);
    best = Math.min(best, ((user + system) * 1000) / STOPS);
  }
  return best;
};

/** out dx, al; in al, dx; jmp back. */
const { cpu } = new SystemMachine("ee ec eb fc");
const runToPort = (): void => {
  if (cpu.run(BUDGET) !== STOP.port) throw new Error("the guest did not stop at its port access");
};
const results = [
  {
    name: "port-stop",
    value: measure(() => {
      runToPort();
      cpu.setRipPair(cpu.ripLow + cpu.stop.instructionLength, 0);
    }),
    unit: "ns",
  },
  {
    name: "port-stop-completed",
    value: measure(() => {
      runToPort();
      cpu.completeInstruction();
    }),
    unit: "ns",
  },
];

if (process.argv.includes("--json")) {
  console.log(JSON.stringify({ name: "port-stop", ok: true, skipped: [], results }));
} else {
  console.log(
    "A port access without a hypervisor: run() to the stop, and RIP moved by hand or by completeInstruction()\n",
  );
  for (const { name, value, unit } of results)
    console.log(`  ${name.padEnd(20)} ${value.toFixed(0).padStart(6)} ${unit}`);
}
