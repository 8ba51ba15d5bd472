import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { SEGMENT } from "../src/context.ts";
import { STOP } from "../src/index.ts";
import { Random } from "./support/random.ts";
import { CX, DI, RealModeMachine, SI } from "./support/real-mode.ts";

/** REP MOVS and REP STOS of each element size, with addresses of 16 and of 32 bits. */
const FORMS = ["a4", "a5", "66 a5", "aa", "ab", "66 ab"].flatMap((code) => [`f3 ${code}`, `67 f3 ${code}`]);
const SEEDS = Array.from({ length: 40 }, (_, seed) => seed);
const DATA = 0x4000;
const ABSENT = 0x9000;
const DEVICE = 0xb000;
const READ_ONLY = 0xc000;
const DF = 0x400;
/** Here REP goes on over the program itself. */
const CODE = 0x1000;

interface Case {
  readonly form: string;
  readonly si: number;
  readonly di: number;
  readonly count: number;
  readonly value: bigint;
  readonly flags: number;
  readonly budget: number;
  readonly base: number;
}

function randomCase(seed: number, form: string): Case {
  const random = new Random(seed);
  const near = (): number => {
    const page = random.pick([0x4000, 0x5000, 0x8000, 0xa000, READ_ONLY, 0xf000, CODE]);
    return (page + random.pick([0, 1, random.below(4096), 4096 - random.below(80), 4096 - random.below(9)])) & 0xffff;
  };
  const si = near();
  const di = random.below(3) === 0 ? (si + random.below(140) - 70) & 0xffff : near();
  const value = random.below(2) === 0 ? BigInt(random.below(256) * 0x01010101) : random.next() & 0xffff_ffffn;
  const flags = random.below(4) === 0 ? 2 | DF : 2;
  const count = random.pick([0, 1, random.below(20), random.below(200), 3000 + random.below(3000)]);
  const budget = 1 + random.pick([random.below(4), random.below(200), 2000, 9000]);
  return { form, si, di, count, value, flags, budget, base: random.below(4) === 0 ? random.below(3) * 16 : 0 };
}

function machine({ form, si, di, count, value, flags, base }: Case): RealModeMachine {
  const m = new RealModeMachine(`90 ${form} 40 f4`, CODE);
  m.mmu.absent.add(ABSENT);
  m.mmu.devices.add(DEVICE);
  m.mmu.readOnly.add(READ_ONLY);
  m.mmu.deviceValue = 0x12345678;
  for (let i = 0; i < 0x3000; i++) m.memory.u8[m.base + DATA + i] = (i * 7 + (i >> 8)) & 0xff;
  m.cpu.setSegment(SEGMENT.es, { ...m.cpu.getSegment(SEGMENT.es), base: BigInt(base), selector: base >> 4 });
  m.cpu.rflagsNumber = flags;
  m.cpu.setRegister(0, value);
  m.cpu.setRegister(SI, BigInt(si));
  m.cpu.setRegister(DI, BigInt(di));
  m.cpu.setRegister(CX, BigInt(count));
  return m;
}

const outcome = (m: RealModeMachine, stop: number) => ({
  stop,
  state: m.cpu.saveState(),
  retired: m.cpu.instructionsRetired,
  device: m.mmu.deviceWrites,
  memory: createHash("sha256")
    .update(m.memory.u8.subarray(m.base, m.base + 0x20000))
    .digest("hex"),
});

describe.each(FORMS)("repetition %s", (form) => {
  it.each(SEEDS)("at once leaves what it leaves element by element (seed %i)", (seed) => {
    const test = randomCase(seed, form);
    const [atOnce, inSteps] = [machine(test), machine(test)];
    const stop = atOnce.cpu.run(test.budget);
    let last: number = STOP.budget;
    for (let i = 0; i < test.budget && last === STOP.budget; i++) last = inSteps.cpu.run(1);
    expect(outcome(atOnce, stop)).toEqual(outcome(inSteps, last));
  });
});
