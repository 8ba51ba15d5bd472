import { HostMemory, type HostPhysicalAddress } from "@likex/host-memory";
import { Cpu, STOP } from "../../src/index.ts";
import { createJit, type JitOptions } from "../../src/jit/index.ts";
import { POINTERS, PROGRAM } from "./assembler.ts";
import { useFlatSegments } from "./flat-segments.ts";
import { borderState, fillWithBorders } from "./float-borders.ts";
import { prepareEvents, randomEvent } from "./lockstep-events.ts";
import { patchingProgram } from "./patching-program.ts";
import type { Random } from "./random.ts";
import { type Mixture, randomProgram } from "./random-program.ts";
import { FlatMmu } from "./real-mode.ts";

const MEGABYTE = 1 << 20;
const CR4_OSFXSR_OSXMMEXCPT = 0x600;

/** Data of a program repeats after so many bytes. */
const NUMBERS_BYTES = 0x200;
/** Bytes of data in front of the page that the stack is in. */
const STACK_PAGE = 0x3000;
const FRAME = 0x1000;

/** Half of the programs have no vectors and no x87; the others have them with different weights. */
const MIXTURES: readonly Mixture[] = [
  ...[0, 0, 0, 0].map(() => ({ vector: 0, x87: 0 })),
  ...[
    { vector: 6, x87: 0 },
    { vector: 3, x87: 0 },
    { vector: 0, x87: 6 },
    { vector: 2, x87: 3 },
  ],
];

/** Control words and MXCSRs: mostly those of programs, then other roundings and precisions, then unmasked exceptions. */
const CONTROLS: readonly number[] = [0x37f, 0x37f, 0x37f, 0x37f, 0x27f, 0x77f, 0xf7f, 0x372];
const MXCSRS: readonly number[] = [0x1fa0, 0x1fa0, 0x1fa0, 0x1fa3, 0x1f80, 0x3fa0, 0x9fe0, 0x1d20];
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
  useFlatSegments(cpu, bits);
  cpu.cr4 = CR4_OSFXSR_OSXMMEXCPT;
  memory.u8.set(code, base + PROGRAM.code);
  cpu.ripNumber = PROGRAM.code;
  return { memory, base, mmu, cpu, statistics: () => jit.statistics(memory) };
}

export type Machine = ReturnType<typeof machine>;

export function stateOf({ cpu, memory, base }: Machine, kind: number): string {
  const registers = Array.from({ length: 16 }, (_, i) => cpu.getRegister(i).toString(16));
  const data = memory.u8.subarray(base, base + MEGABYTE);
  let sum = 0;
  for (let i = PROGRAM.code; i < PROGRAM.data + PROGRAM.dataBytes; i++)
    sum = (Math.imul(sum, 31) + (data[i] as number)) | 0;
  const stop = kind === STOP.budget ? "" : `${cpu.stop.vector} ${cpu.stop.errorCode} ${cpu.stop.instructionLength}`;
  const fpu = Buffer.from(cpu.fpu.save().subarray(0, 416)).toString("hex");
  return `${kind} ${stop} fpu ${fpu} rip ${cpu.rip.toString(16)} flags ${cpu.rflags.toString(16)} count ${cpu.instructionsRetired} ${registers.join(" ")} memory ${sum}`;
}

/** A program that has stopped goes on at its start: most do soon, and what is compiled has hardly run then. */
function startAgain(cpu: Cpu, pointers: readonly bigint[]): void {
  cpu.ripNumber = PROGRAM.code;
  cpu.setRegister(4, BigInt(PROGRAM.stack));
  for (const [i, register] of POINTERS.entries()) cpu.setRegister(register, pointers[i] as bigint);
}

export interface LockstepResult {
  /** What differed first, or undefined. */
  readonly difference: string | undefined;
  readonly instructions: number;
  readonly regions: number;
}

/** Numbers at the borders of floating point in the registers and in memory of all machines. */
export function setNumbers(random: Random, machines: readonly Machine[]): void {
  const fpu = borderState(random, random.pick(CONTROLS), random.pick(MXCSRS));
  // PE alone: what else is set would be pending where it is not masked.
  fpu[2] = random.below(2) === 0 ? 0x20 : 0;
  if (random.below(2) === 0) fpu[4] = random.below(256);
  const data = new Uint8Array(NUMBERS_BYTES);
  fillWithBorders(data, random);
  for (const { cpu, memory, base } of machines) {
    cpu.fpu.load(fpu);
    for (let at = 0; at < STACK_PAGE; at += NUMBERS_BYTES) memory.u8.set(data, base + PROGRAM.data + at);
    // A program that has lost its way may have executed code there.
    for (let at = 0; at < STACK_PAGE; at += FRAME) memory.noteWrite((base + PROGRAM.data + at) as HostPhysicalAddress);
  }
}

/**
 * Runs one random program interpreted and compiled, with the same random budgets, and compares all state after each. Between
 * them come interrupts, and code is changed or mapped elsewhere by others.
 */
export function runLockstep(random: Random): LockstepResult {
  const bits = random.pick([32, 64] as const);
  const mixture = random.pick(MIXTURES);
  const code = random.below(4) === 0 ? patchingProgram(random, bits) : randomProgram(random, bits, mixture);
  const options = { threshold: random.pick([1, 2, 5, 20]), batch: random.pick([1, 2, 4]), shortest: 1, delay: 0 };
  const machines = (["interpreter", "jit"] as const).map((tier) => machine(bits, code, tier, options)) as [
    Machine,
    Machine,
  ];
  const other = randomProgram(random, bits, mixture);
  for (const m of machines) prepareEvents(m, bits, other);
  for (let i = 0; i < 16; i++) {
    const value = BigInt.asUintN(bits, random.value());
    for (const { cpu } of machines) cpu.setRegister(i, value);
  }
  const pointers = POINTERS.map(() => BigInt((PROGRAM.data + 0x100 + random.below(STACK_PAGE - 0x200)) & ~0xf));
  for (const { cpu } of machines) startAgain(cpu, pointers);
  const regions = (): number => machines[1].statistics().regions;
  const result = (difference: string | undefined): LockstepResult => ({
    difference,
    instructions: machines[0].cpu.instructionsRetired,
    regions: regions(),
  });
  for (let round = 0; round < 16; round++) {
    const budget = 1 + random.below(random.pick([3, 40, 400, 3000]));
    const event = randomEvent(random);
    if (event !== undefined) for (const m of machines) event(m);
    // What a program has computed is soon all NaNs and zeros: it gets new numbers.
    if (random.below(2) === 0 || round === 0) setNumbers(random, machines);
    const [a, b] = machines.map((m) => stateOf(m, m.cpu.run(budget))) as [string, string];
    if (a !== b)
      return result(`${bits} bits, round ${round}, budget ${budget}\n  interpreted ${a}\n  compiled    ${b}`);
    if (!a.startsWith(`${STOP.budget} `)) for (const { cpu } of machines) startAgain(cpu, pointers);
  }
  return result(undefined);
}
