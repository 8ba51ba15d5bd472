import { type I32, type I64, i32, i64, type Local, load } from "@likex/wasm-emitter";
import { FPU } from "../context.ts";
import type { Typed } from "../routines/operations.ts";
import type { SemanticsBuilder } from "./builder.ts";
import type { SemanticsEntry, SemanticsTable } from "./table.ts";
import { call, checkWith, memorySource, memoryTarget, perform } from "./vector-access.ts";

const entry = (write: SemanticsEntry["write"]): SemanticsEntry => ({ extension: true, write });

/** Checks, then `write`, which gets what can fail done before `begin` makes the instruction the last one. */
const x87 = (write: (b: SemanticsBuilder, begin: () => void) => void): SemanticsEntry =>
  entry((b) => {
    checkX87(b);
    write(b, () => {
      b.setX87Instruction();
      if (!b.leavesRareCases) rememberDetails(b);
    });
  });

/** CR0.EM and CR0.TS, and ES in the status word. */
const CR0_EM_TS = 12;
const STATUS_ES = 0x80;

/** What x87_check looks at, without a call when there is nothing. */
export function checkX87(b: SemanticsBuilder): void {
  b.once("x87", () => {
    const cr0 = i32.and(b.contextLoad(FPU.cr0, 32) as I32, i32.const(CR0_EM_TS));
    const pending = i32.and(b.contextLoad(FPU.status, 32) as I32, i32.const(STATUS_ES));
    b.code.if(i32.or(cr0, pending), () => checkWith(b, "x87_check"));
  });
}

/** The quick routine if it applies, else the general one. */
function quickly(b: SemanticsBuilder, quick: string, args: readonly Typed[], general: () => void): void {
  b.setX87Instruction();
  const done = b.quickX87(quick, args);
  if (b.leavesRareCases) return;
  b.code.if(i32.eqz(done), () => {
    rememberDetails(b);
    general();
  });
}

/** Opcode and data pointer, which count only if an exception is raised; none is found yet. */
function rememberDetails(b: SemanticsBuilder): void {
  const memory = b.shape.operands.some((operand) => operand.kind === "memory");
  b.contextStore(FPU.found, 32, i32.const(0));
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
  const address = memorySource(b, 0);
  const bits = memoryBits(b);
  if (bits === 64) return b.let(load.i64(address));
  return b.let(i64.extendS(bits === 32 ? load.i32(address) : load.s16(address)));
}

interface Operation {
  readonly op: number;
  readonly reversed: 0 | 1;
  /** The quick routine and its first arguments. */
  readonly quick: string;
  readonly how: readonly number[];
}

/** FADD and its like: of memory, of stack registers, with and without a pop. */
const arithmetic = ({ op, reversed, quick, how }: Operation, pop: 0 | 1): SemanticsEntry =>
  x87((b) => {
    const first = how.map((value) => i32.const(value));
    const general = [i32.const(op), i32.const(reversed)];
    if (b.operand(0).kind === "memory") {
      const address = memorySource(b, 0);
      const size = memoryBits(b) === 32 ? "single" : "double";
      const slow = (): void => perform(b, `x87_operate_${size}`, ...general, address);
      quickly(b, `x87_quick_${quick}_${size}`, [...first, address], slow);
      return;
    }
    const numbers = [stackNumber(b, 0), stackNumber(b, 1), i32.const(pop)];
    const slow = (): void => perform(b, "x87_operate_st", ...general, ...numbers);
    quickly(b, `x87_quick_${quick}_st`, [...first, ...numbers], slow);
  });

const integerArithmetic = ({ op, reversed, quick, how }: Operation): SemanticsEntry =>
  x87((b) => {
    const value = integerSource(b);
    const slow = (): void => perform(b, "x87_operate_integer", i32.const(op), i32.const(reversed), value);
    quickly(b, `x87_quick_${quick}_integer`, [...how.map((n) => i32.const(n)), value], slow);
  });

/** An addition that changes the sign of one operand is a subtraction. */
const SIGN = 0x8000;

const OPERATIONS: Readonly<Record<string, Operation>> = {
  add: { op: 0, reversed: 0, quick: "add", how: [0, 0] },
  sub: { op: 1, reversed: 0, quick: "add", how: [0, SIGN] },
  subr: { op: 1, reversed: 1, quick: "add", how: [SIGN, 0] },
  mul: { op: 2, reversed: 0, quick: "mul", how: [] },
  div: { op: 3, reversed: 0, quick: "div", how: [0] },
  divr: { op: 3, reversed: 1, quick: "div", how: [1] },
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
  x87((b) => {
    if (b.shape.operands[0]?.kind === "memory") {
      const size = memoryBits(b) === 32 ? "single" : "double";
      const args = [memorySource(b, 0), i32.const(pops)];
      quickly(b, `x87_quick_compare_${size}`, args, () => perform(b, `x87_compare_${size}`, ...args));
      return;
    }
    const other = b.shape.operands.length === 0 ? i32.const(1) : stackNumber(b, 1);
    const slow = (): void => perform(b, "x87_compare_st", other, i32.const(quiet), i32.const(pops));
    quickly(b, "x87_quick_compare_st", [other, i32.const(pops)], slow);
  });

const compareInteger = (pops: 0 | 1): SemanticsEntry =>
  x87((b, begin) => {
    const value = integerSource(b);
    begin();
    perform(b, "x87_compare_integer", value, i32.const(pops));
  });

/** FCOMI and its like. */
const compareFlags = (quiet: 0 | 1, pop: 0 | 1): SemanticsEntry =>
  x87((b) => {
    const flags = b.temporary("i32");
    b.setX87Instruction();
    const quick = b.quickX87("x87_quick_compare_flags", [stackNumber(b, 1), i32.const(pop)]);
    if (b.leavesRareCases) {
      b.setRelationFlags(quick);
      return;
    }
    b.code.set(flags, quick);
    b.code.if(i32.ltS(b.code.get(flags), i32.const(0)), () => {
      rememberDetails(b);
      const args = [stackNumber(b, 1), i32.const(quiet), i32.const(pop)];
      b.code.set(flags, call(b, "x87_compare_flags", ...args));
    });
    b.setExplicitFlags(b.code.get(flags));
  });

const load80 = x87((b) => {
  if (b.operand(0).kind === "stack") {
    const number = stackNumber(b, 0);
    quickly(b, "x87_quick_load_st", [number], () => perform(b, "x87_load_st", number));
    return;
  }
  const address = memorySource(b, 0);
  const bits = memoryBits(b);
  const kind = bits === 32 ? "single" : bits === 64 ? "double" : "extended";
  quickly(b, `x87_quick_load_${kind}`, [address], () => perform(b, `x87_load_${kind}`, address));
});

/** x87_store_KIND and its quick way, with the arguments of both. */
interface MemoryStore {
  readonly kind: "single" | "double" | "extended" | "integer" | "decimal";
  readonly pop: 0 | 1;
  readonly more: readonly number[];
}

const ALL_MASKED = 0x3f;

/** Converts, writes unless an exception forbids it, then changes the stack. Memory that is not written cannot fault either. */
function storeMemory(b: SemanticsBuilder, store: MemoryStore): void {
  if (b.leavesRareCases) {
    storeUsually(b, store);
    return;
  }
  const stored = b.temporary("i32");
  b.code.set(stored, i32.const(0));
  if (store.kind !== "decimal") {
    // With all exceptions masked something is always written, so memory may fault first.
    const masks = i32.and(b.contextLoad(FPU.control, 32) as I32, i32.const(ALL_MASKED));
    b.code.if(i32.eq(masks, i32.const(ALL_MASKED)), () => storeQuickly(b, store, stored));
  }
  b.code.if(i32.eqz(b.code.get(stored)), () => storeGenerally(b, store));
}

function storeUsually(b: SemanticsBuilder, { kind, pop, more }: MemoryStore): void {
  const { address } = memoryTarget(b, 0);
  b.setX87Instruction();
  b.quickX87(`x87_quick_store_${kind}`, [address, ...[...more, pop].map((value) => i32.const(value))]);
}

function storeQuickly(b: SemanticsBuilder, { kind, pop, more }: MemoryStore, stored: Local<"i32">): void {
  const target = memoryTarget(b, 0);
  const args = [target.address, ...more.map((value) => i32.const(value)), i32.const(pop)];
  // A buffer is written to device memory later, which may refuse.
  const direct = i32.eqz(b.isBuffer(target.address));
  b.code.if(direct, () => {
    b.code.set(stored, b.quickX87(`x87_quick_store_${kind}`, args));
    b.setX87Instruction();
  });
}

function storeGenerally(b: SemanticsBuilder, { kind, pop, more }: MemoryStore): void {
  const value = b.let(i32.add(b.contextAddress(), i32.const(FPU.operand)));
  rememberDetails(b);
  b.code.if(call(b, `x87_store_${kind}`, value, ...more.map((n) => i32.const(n))), () => {
    const target = memoryTarget(b, 0);
    perform(b, "copy_operand", target.address, value, i32.const(memoryBits(b) / 8));
    target.commit();
  });
  b.setX87Instruction();
  perform(b, "x87_stored", i32.const(pop));
}

const store = (pop: 0 | 1): SemanticsEntry =>
  x87((b) => {
    if (b.operand(0).kind === "stack") {
      const args = [stackNumber(b, 0), i32.const(pop)];
      quickly(b, "x87_quick_store_st", args, () => perform(b, "x87_store_st", ...args));
      return;
    }
    const bits = memoryBits(b);
    const kind = bits === 32 ? "single" : bits === 64 ? "double" : "extended";
    storeMemory(b, { kind, pop, more: [] });
  });

/** rounding 4: the rounding control's, 3: truncation. */
const storeInteger = (pop: 0 | 1, rounding: 3 | 4): SemanticsEntry =>
  x87((b) => storeMemory(b, { kind: "integer", pop, more: [memoryBits(b), rounding] }));

/** routine(ctx, ...) with nothing else to do. */
const plain = (routine: string, ...args: readonly number[]): SemanticsEntry =>
  x87((b, begin) => {
    begin();
    perform(b, routine, ...args.map((value) => i32.const(value)));
  });

/** Significand rounded down, and for which rounding controls (bit n for n) the last place is one more. */
const constant = (se: number, significand: bigint, up: number): SemanticsEntry =>
  x87((b) => {
    const args = [i32.const(se), i64.const(significand), i32.const(up)];
    quickly(b, "x87_quick_load_constant", args, () => perform(b, "x87_load_constant", ...args));
  });

const sign = (keep: number, flip: number): SemanticsEntry =>
  x87((b) => {
    const args = [i32.const(keep), i32.const(flip)];
    quickly(b, "x87_quick_sign", args, () => perform(b, "x87_sign", ...args));
  });

const NEAREST_AND_UP = 0b0101;
const ONLY_UP = 0b0100;

const moveIf = (condition: number): SemanticsEntry =>
  x87((b, begin) => {
    begin();
    if (b.leavesRareCases) {
      b.quickX87("x87_quick_move", [stackNumber(b, 1), b.let(b.condition(condition))]);
      return;
    }
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
  fild: x87((b) => {
    const value = integerSource(b);
    quickly(b, "x87_quick_load_integer", [value], () => perform(b, "x87_load_integer", value));
  }),
  fist: storeInteger(0, 4),
  fistp: storeInteger(1, 4),
  fisttp: storeInteger(1, 3),
  fbld: x87((b, begin) => {
    const address = memorySource(b, 0);
    begin();
    perform(b, "x87_load_decimal", address);
  }),
  fbstp: x87((b) => storeMemory(b, { kind: "decimal", pop: 1, more: [] })),
  fld1: constant(0x3fff, 0x8000000000000000n, 0),
  fldl2t: constant(0x4000, 0xd49a784bcd1b8afen, ONLY_UP),
  fldl2e: constant(0x3fff, 0xb8aa3b295c17f0bbn, NEAREST_AND_UP),
  fldpi: constant(0x4000, 0xc90fdaa22168c234n, NEAREST_AND_UP),
  fldlg2: constant(0x3ffd, 0x9a209a84fbcff798n, NEAREST_AND_UP),
  fldln2: constant(0x3ffe, 0xb17217f7d1cf79abn, NEAREST_AND_UP),
  fldz: constant(0, 0n, 0),
  fxch: x87((b) => {
    const number = stackNumber(b, 1);
    quickly(b, "x87_quick_exchange", [number], () => perform(b, "x87_exchange", number));
  }),
  fchs: sign(0xffff, SIGN),
  fabs: sign(0x7fff, 0),
  ftst: x87((b, begin) => {
    begin();
    if (b.leavesRareCases) b.quickX87("x87_quick_compare_zero", []);
    else perform(b, "x87_test");
  }),
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
