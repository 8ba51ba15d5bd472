import { parseArgs } from "node:util";
import { STOP } from "../src/index.ts";
import { RealModeMachine } from "../test/support/real-mode.ts";

const USAGE = `Measures floating-point instructions in the interpreter: CPU nanoseconds each, dispatch included.

  pnpm bench float [PATTERN] [--rounds N] [--json]

  PATTERN     only operations whose name matches the regular expression
  --rounds N  measurements of each, of which the least is printed (default 5)
  --json      one JSON object on stdout`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

/** A name, and instructions for a 16-bit segment that leave registers as they found them, or nearly. */
type Operation = readonly [name: string, code: string];

/** XMM0 and XMM1 hold 1.5 and numbers near it, as does memory at 0x4000; ST(0) to ST(2) are normal numbers. */
const OPERATIONS: readonly Operation[] = [
  ["nop", "90"],
  ["movapd xmm,xmm", "660f28d1"],
  ["movsd xmm,m64", "f20f10160040"],
  ["movsd m64,xmm", "f20f11160050"],
  ["addsd xmm,xmm; subsd", "f20f58c1 f20f5cc1"],
  ["addsd xmm,m64; subsd", "f20f58060040 f20f5c060040"],
  ["mulsd xmm,xmm; divsd", "f20f59c1 f20f5ec1"],
  ["mulss xmm,xmm; divss", "f30f59d9 f30f5ed9"],
  ["addpd xmm,xmm; subpd", "660f58c1 660f5cc1"],
  ["addps xmm,xmm; subps", "0f58d9 0f5cd9"],
  ["sqrtsd xmm,xmm", "f20f51d1"],
  ["comisd xmm,xmm", "660f2fc1"],
  ["maxsd xmm,xmm", "f20f5fc1"],
  ["cvtsi2sd xmm,r32", "66f20f2ad0"],
  ["cvttsd2si r32,xmm", "66f20f2cd1"],
  ["cvtsd2ss; cvtss2sd", "f20f5ad1 f30f5ad2"],
  ["pxor xmm,xmm", "660fefd2"],
  ["fxch st1", "d9c9"],
  ["fld st1; fstp st0", "d9c1 ddd8"],
  ["fadd st,st1; fsub", "d8c1 d8e1"],
  ["fmul st,st1; fdiv", "d8c9 d8f1"],
  ["fadd m64; fsub m64", "dc060040 dc260040"],
  ["fld m64; fstp m64", "dd060040 dd1e0050"],
  ["fild m32; fistp m32", "db061040 db1e0050"],
  ["fcomi st,st1", "dbf1"],
  ["fsqrt; fmul st,st0", "d9fa d8c8"],
];

const LOOPS = 32;
const WARM = 4_000_000;
const MEASURED = 1_000_000;

/** A loop over the operation and a jump back. */
function machineFor(code: string): RealModeMachine {
  const one = code.replaceAll(" ", "");
  const body = one.repeat(LOOPS);
  const jump = Buffer.alloc(3);
  jump[0] = 0xe9;
  jump.writeInt16LE(-(body.length / 2 + 3), 1);
  // movsd xmm0,[0x4000]; movsd xmm1,[0x4008]; movaps xmm3,[0x4000]; fninit; fld m64 three times; mov eax,7
  const set = "f20f10060040 f20f100e0840 0f281e0040 dbe3 dd060840 dd060840 dd060040 66b807000000";
  const machine = new RealModeMachine(`${set}${body}${jump.toString("hex")}`);
  machine.load(0x4000, "000000000000f83f 9a9999999999f13f 07000000");
  machine.cpu.cr4 = 0x600;
  machine.cpu.fpu.mxcsr = 0x1fa0;
  return machine;
}

const cpuTime = (): number => {
  const { user, system } = process.cpuUsage();
  return user + system;
};

function measure(code: string): number {
  const machine = machineFor(code);
  const run = (instructions: number): void => {
    if (machine.cpu.run(instructions) !== STOP.budget) throw new Error(`the loop stopped: ${machine.cpu.stop.kind}`);
  };
  // The engine compiles the handlers meanwhile.
  for (let done = 0; done < WARM; done += 50_000) run(50_000);
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < Number(values.rounds); round++) {
    const start = cpuTime();
    run(MEASURED);
    least = Math.min(least, ((cpuTime() - start) * 1000) / MEASURED);
  }
  return least;
}

function main(): void {
  const pattern = new RegExp(positionals[0] ?? "");
  const results: { readonly name: string; readonly value: number; readonly unit: string }[] = [];
  for (const [name, code] of OPERATIONS) {
    if (!pattern.test(name)) continue;
    const value = measure(code);
    results.push({ name, value, unit: "ns/instruction" });
    if (!values.json) console.log(`${name.padEnd(24)} ${value.toFixed(1).padStart(6)} ns`);
  }
  if (values.json) console.log(JSON.stringify({ results }, undefined, 2));
}

if (values.help) console.log(USAGE);
else main();
