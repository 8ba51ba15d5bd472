import { HostMemory } from "@likex/host-memory";
import { Cpu, SEGMENT, STOP } from "../../src/index.ts";
import { createJit, type JitOptions } from "../../src/jit/index.ts";
import { prepareEvents, randomEvent } from "./lockstep-events.ts";
import type { Random } from "./random.ts";
import { PROGRAM, randomProgram } from "./random-program.ts";
import { FlatMmu } from "./real-mode.ts";

const MEGABYTE = 1 << 20;
const EAGER: JitOptions = { threshold: 2, batch: 1, shortest: 1, delay: 0 };

export function machine(bits: 32 | 64, code: Uint8Array, tier: "interpreter" | "jit", options: JitOptions = EAGER) {
  const memory = HostMemory.create({ bytes: 4 << 20 });
  const base = memory.allocateFrames(MEGABYTE / 4096);
  const jit = createJit(options);
  const mmu = new FlatMmu(base);
  const cpu = Cpu.create({
    memory,
    mmu,
    ...(tier === "jit" && { jit }),
  });
  cpu.cr0 = 0x11;
  if (bits === 64) cpu.efer = 0x500;
  cpu.setSegmentRaw(SEGMENT.cs, 8, 0, 0, 0xffffffff, bits === 64 ? 0xa09b : 0xc09b);
  for (const register of [SEGMENT.es, SEGMENT.ss, SEGMENT.ds, SEGMENT.fs, SEGMENT.gs])
    cpu.setSegmentRaw(register, 16, 0, 0, 0xffffffff, 0xc093);
  memory.u8.set(code, base + PROGRAM.code);
  cpu.ripNumber = PROGRAM.code;
  return { memory, base, mmu, cpu, compiled: () => jit.statistics(memory).regions };
}

type Machine = ReturnType<typeof machine>;

function stateOf({ cpu, memory, base }: Machine, kind: number): string {
  const registers = Array.from({ length: 16 }, (_, i) => cpu.getRegister(i).toString(16));
  const data = memory.u8.subarray(base, base + MEGABYTE);
  let sum = 0;
  for (let i = PROGRAM.code; i < PROGRAM.data + PROGRAM.dataBytes; i++)
    sum = (Math.imul(sum, 31) + (data[i] as number)) | 0;
  const stop = kind === STOP.budget ? "" : `${cpu.stop.vector} ${cpu.stop.errorCode} ${cpu.stop.instructionLength}`;
  return `${kind} ${stop} rip ${cpu.rip.toString(16)} flags ${cpu.rflags.toString(16)} count ${cpu.instructionsRetired} ${registers.join(" ")} memory ${sum}`;
}

export interface LockstepResult {
  /** What differed first, or undefined. */
  readonly difference: string | undefined;
  readonly instructions: number;
  readonly regions: number;
}

/**
 * Runs one random program interpreted and compiled, with the same random budgets, and compares all state after each. Between
 * them come interrupts, and code is changed or mapped elsewhere by others.
 */
export function runLockstep(random: Random): LockstepResult {
  const bits = random.pick([32, 64] as const);
  const code = randomProgram(random, bits);
  const options = { threshold: random.pick([1, 2, 5, 20]), batch: random.pick([1, 2, 4]), shortest: 1, delay: 0 };
  const machines = (["interpreter", "jit"] as const).map((tier) => machine(bits, code, tier, options)) as [
    Machine,
    Machine,
  ];
  const other = randomProgram(random, bits);
  for (const m of machines) prepareEvents(m, bits, other);
  for (let i = 0; i < 16; i++) {
    const isPointer = [3, 6, 7].includes(i);
    const value = isPointer ? BigInt(PROGRAM.data + 0x100 + random.below(0x3000)) : random.value();
    for (const { cpu } of machines) cpu.setRegister(i, i === 4 ? BigInt(PROGRAM.stack) : BigInt.asUintN(bits, value));
  }
  const regions = (): number => machines[1].compiled();
  const result = (difference: string | undefined): LockstepResult => ({
    difference,
    instructions: machines[0].cpu.instructionsRetired,
    regions: regions(),
  });
  for (let round = 0; round < 12; round++) {
    const budget = 1 + random.below(random.pick([3, 40, 400, 3000]));
    const event = randomEvent(random);
    if (event !== undefined) for (const m of machines) event(m);
    const [a, b] = machines.map((m) => stateOf(m, m.cpu.run(budget))) as [string, string];
    if (a !== b)
      return result(`${bits} bits, round ${round}, budget ${budget}\n  interpreted ${a}\n  compiled    ${b}`);
    if (!a.startsWith(`${STOP.budget} `)) break;
  }
  return result(undefined);
}
