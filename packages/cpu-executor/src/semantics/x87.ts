import { type I32, type I64, i32, i64, load } from "@likex/wasm-emitter";
import { FPU } from "../context.ts";
import type { SemanticsBuilder } from "./builder.ts";
import type { SemanticsEntry, SemanticsTable } from "./table.ts";
import { call, checkWith, perform, sourceAddress, targetAddress } from "./vector-access.ts";

const entry = (write: SemanticsEntry["write"]): SemanticsEntry => ({ extension: true, write });

/** Checks, then `write`, which gets what can fail done before `begin` makes the instruction the last one. */
const x87 = (write: (b: SemanticsBuilder, begin: () => void) => void): SemanticsEntry =>
  entry((b) => {
    checkWith(b, "x87_check");
    write(b, () => rememberInstruction(b));
  });

/** Instruction pointer, opcode and data pointer (SDM Vol 1, 8.1.8); the last two count only if an exception is raised. */
function rememberInstruction(b: SemanticsBuilder): void {
  const memory = b.shape.operands.some((operand) => operand.kind === "memory");
  b.contextStore(FPU.instruction, 64, b.instructionPointer());
  b.contextStore(FPU.currentOpcode, 32, b.x87Opcode());
  const data = memory ? b.effectiveAddress() : b.contextLoad(FPU.data, 64);
  b.contextStore(FPU.currentData, 64, data);
}

/** Number of the stack register that an operand names. */
function stackNumber(b: SemanticsBuilder, position: number): I32 {
  const operand = b.operand(position);
  if (operand.kind === "stack") return b.slotNumber(operand.slot);
  if (operand.kind === "stackTop") return i32.const(0);
  throw new RangeError(`${b.shape.mnemonic}: operand ${position} is no stack register`);
}

const memoryBits = (b: SemanticsBuilder): number => {
  const operand = b.operand(0);
  return operand.kind === "memory" ? (operand.bytes ?? operand.bits / 8) * 8 : 0;
};

/** An integer in memory, sign-extended. */
function integerSource(b: SemanticsBuilder): I64 {
  const address = sourceAddress(b, 0);
  const bits = memoryBits(b);
  if (bits === 64) return b.let(load.i64(address));
  return b.let(i64.extendS(bits === 32 ? load.i32(address) : load.s16(address)));
}

interface Operation {
  readonly op: number;
  readonly reversed: 0 | 1;
}

/** FADD and its like: of memory, of stack registers, with and without a pop. */
const arithmetic = ({ op, reversed }: Operation, pop: 0 | 1): SemanticsEntry =>
  x87((b, begin) => {
    const how = [i32.const(op), i32.const(reversed)];
    if (b.operand(0).kind === "memory") {
      const address = sourceAddress(b, 0);
      begin();
      perform(b, memoryBits(b) === 32 ? "x87_operate_single" : "x87_operate_double", ...how, address);
      return;
    }
    begin();
    perform(b, "x87_operate_st", ...how, stackNumber(b, 0), stackNumber(b, 1), i32.const(pop));
  });

const integerArithmetic = ({ op, reversed }: Operation): SemanticsEntry =>
  x87((b, begin) => {
    const value = integerSource(b);
    begin();
    perform(b, "x87_operate_integer", i32.const(op), i32.const(reversed), value);
  });

const OPERATIONS: Readonly<Record<string, Operation>> = {
  add: { op: 0, reversed: 0 },
  sub: { op: 1, reversed: 0 },
  subr: { op: 1, reversed: 1 },
  mul: { op: 2, reversed: 0 },
  div: { op: 3, reversed: 0 },
  divr: { op: 3, reversed: 1 },
};

const ARITHMETIC: SemanticsTable = Object.fromEntries(
  Object.entries(OPERATIONS).flatMap(([name, operation]): [string, SemanticsEntry][] => [
    [`f${name}`, arithmetic(operation, 0)],
    [`f${name}p`, arithmetic(operation, 1)],
    [`fi${name}`, integerArithmetic(operation)],
  ]),
);

/** FCOM, FUCOM and their like. Without operands the other register is ST(1). */
const compare = (quiet: 0 | 1, pops: 0 | 1 | 2): SemanticsEntry =>
  x87((b, begin) => {
    if (b.shape.operands[0]?.kind === "memory") {
      const address = sourceAddress(b, 0);
      begin();
      perform(b, memoryBits(b) === 32 ? "x87_compare_single" : "x87_compare_double", address, i32.const(pops));
      return;
    }
    begin();
    const other = b.shape.operands.length === 0 ? i32.const(1) : stackNumber(b, 1);
    perform(b, "x87_compare_st", other, i32.const(quiet), i32.const(pops));
  });

const compareInteger = (pops: 0 | 1): SemanticsEntry =>
  x87((b, begin) => {
    const value = integerSource(b);
    begin();
    perform(b, "x87_compare_integer", value, i32.const(pops));
  });

/** FCOMI and its like. */
const compareFlags = (quiet: 0 | 1, pop: 0 | 1): SemanticsEntry =>
  x87((b, begin) => {
    begin();
    b.setExplicitFlags(b.let(call(b, "x87_compare_flags", stackNumber(b, 1), i32.const(quiet), i32.const(pop))));
  });

const load80 = x87((b, begin) => {
  if (b.operand(0).kind === "stack") {
    begin();
    perform(b, "x87_load_st", stackNumber(b, 0));
    return;
  }
  const address = sourceAddress(b, 0);
  begin();
  const bits = memoryBits(b);
  perform(b, bits === 32 ? "x87_load_single" : bits === 64 ? "x87_load_double" : "x87_load_extended", address);
});

/** Converts, writes unless an exception forbids it, then changes the stack. Memory that is not written cannot fault either. */
function storeMemory(b: SemanticsBuilder, begin: () => void, routine: string, pop: 0 | 1, more: readonly I32[]): void {
  const bytes = memoryBits(b) / 8;
  const value = b.let(i32.add(b.contextAddress(), i32.const(FPU.operand)));
  b.code.if(call(b, routine, value, ...more), () => {
    const target = targetAddress(b, 0);
    perform(b, "copy_operand", target.address, value, i32.const(bytes));
    target.commit();
  });
  begin();
  perform(b, "x87_stored", i32.const(pop));
}

const store = (pop: 0 | 1): SemanticsEntry =>
  x87((b, begin) => {
    if (b.operand(0).kind === "stack") {
      begin();
      perform(b, "x87_store_st", stackNumber(b, 0), i32.const(pop));
      return;
    }
    const bits = memoryBits(b);
    const routine = bits === 32 ? "x87_store_single" : bits === 64 ? "x87_store_double" : "x87_store_extended";
    storeMemory(b, begin, routine, pop, []);
  });

/** rounding 4: the rounding control's, 3: truncation. */
const storeInteger = (pop: 0 | 1, rounding: 3 | 4): SemanticsEntry =>
  x87((b, begin) => storeMemory(b, begin, "x87_store_integer", pop, [i32.const(memoryBits(b)), i32.const(rounding)]));

/** routine(ctx, ...) with nothing else to do. */
const plain = (routine: string, ...args: readonly number[]): SemanticsEntry =>
  x87((b, begin) => {
    begin();
    perform(b, routine, ...args.map((value) => i32.const(value)));
  });

/** Significand rounded down, and for which rounding controls (bit n for n) the last place is one more. */
const constant = (se: number, significand: bigint, up: number): SemanticsEntry =>
  x87((b, begin) => {
    begin();
    perform(b, "x87_load_constant", i32.const(se), i64.const(significand), i32.const(up));
  });

const NEAREST_AND_UP = 0b0101;
const ONLY_UP = 0b0100;

const moveIf = (condition: number): SemanticsEntry =>
  x87((b, begin) => {
    begin();
    perform(b, "x87_move_if", stackNumber(b, 1), b.let(b.condition(condition)));
  });

/** Bits of a condition code (SDM Vol 1, appendix B). */
const CONDITION = { b: 2, e: 4, be: 6, u: 10 } as const;

const MOVES: SemanticsTable = Object.fromEntries(
  Object.entries(CONDITION).flatMap(([name, number]): [string, SemanticsEntry][] => [
    [`fcmov${name}`, moveIf(number)],
    [`fcmovn${name}`, moveIf(number + 1)],
  ]),
);

/** x87 instructions that compute, load and store; those of the control word and the environment are in x87-control.ts. */
export const x87Instructions: SemanticsTable = {
  ...ARITHMETIC,
  ...MOVES,
  fcom: compare(0, 0),
  fcomp: compare(0, 1),
  fcompp: compare(0, 2),
  fucom: compare(1, 0),
  fucomp: compare(1, 1),
  fucompp: compare(1, 2),
  ficom: compareInteger(0),
  ficomp: compareInteger(1),
  fcomi: compareFlags(0, 0),
  fcomip: compareFlags(0, 1),
  fucomi: compareFlags(1, 0),
  fucomip: compareFlags(1, 1),
  fld: load80,
  fst: store(0),
  fstp: store(1),
  fild: x87((b, begin) => {
    const value = integerSource(b);
    begin();
    perform(b, "x87_load_integer", value);
  }),
  fist: storeInteger(0, 4),
  fistp: storeInteger(1, 4),
  fisttp: storeInteger(1, 3),
  fbld: x87((b, begin) => {
    const address = sourceAddress(b, 0);
    begin();
    perform(b, "x87_load_decimal", address);
  }),
  fbstp: x87((b, begin) => storeMemory(b, begin, "x87_store_decimal", 1, [])),
  fld1: constant(0x3fff, 0x8000000000000000n, 0),
  fldl2t: constant(0x4000, 0xd49a784bcd1b8afen, ONLY_UP),
  fldl2e: constant(0x3fff, 0xb8aa3b295c17f0bbn, NEAREST_AND_UP),
  fldpi: constant(0x4000, 0xc90fdaa22168c234n, NEAREST_AND_UP),
  fldlg2: constant(0x3ffd, 0x9a209a84fbcff798n, NEAREST_AND_UP),
  fldln2: constant(0x3ffe, 0xb17217f7d1cf79abn, NEAREST_AND_UP),
  fldz: constant(0, 0n, 0),
  fxch: x87((b, begin) => {
    begin();
    perform(b, "x87_exchange", stackNumber(b, 1));
  }),
  fchs: plain("x87_sign", 0xffff, 0x8000),
  fabs: plain("x87_sign", 0x7fff, 0),
  ftst: plain("x87_test"),
  fxam: plain("x87_examine"),
  fsqrt: plain("x87_sqrt"),
  frndint: plain("x87_round"),
  fscale: plain("x87_scale"),
  fxtract: plain("x87_extract"),
  fprem: plain("x87_remainder", 0),
  fprem1: plain("x87_remainder", 1),
  f2xm1: plain("x87_f2xm1"),
  fyl2x: plain("x87_two_operands", 0),
  fyl2xp1: plain("x87_two_operands", 1),
  fpatan: plain("x87_two_operands", 2),
  fsin: plain("x87_trigonometric", 0),
  fcos: plain("x87_trigonometric", 1),
  fsincos: plain("x87_trigonometric", 2),
  fptan: plain("x87_trigonometric", 3),
  fincstp: plain("x87_rotate", 1),
  fdecstp: plain("x87_rotate", 7),
  ffree: x87((b, begin) => {
    begin();
    perform(b, "x87_free", stackNumber(b, 0));
  }),
  ffreep: x87((b, begin) => {
    begin();
    perform(b, "x87_free", stackNumber(b, 0));
    perform(b, "x87_pop");
  }),
  fnop: x87((_b, begin) => begin()),
};
