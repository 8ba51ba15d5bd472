import { type I32, type I64, i32, i64 } from "@likex/wasm-emitter";
import { ARITHMETIC_FLAGS, CODE_MODE, CONTEXT, RFLAGS, SEGMENT } from "../context.ts";
import { PAGE_FAULT_DELIVERY } from "../shapes.ts";
import { HELPER, STATUS } from "../status.ts";
import type { Attempt, SemanticsBuilder } from "./builder.ts";
import type { SemanticsTable } from "./table.ts";
import { type Value, type Width, widthOf } from "./width.ts";

const RSP = 4;
const VECTOR_PF = 14;
/** In the upper half of a gate: P, S and the type of interrupt and trap gates, without the bit that tells them apart (SDM Vol 3A, 6.11). */
const GATE_MASK = 0x9e00;
const GATE = 0x8e00;
const TRAP_GATE_SHIFT = 8;
/** The interrupt-stack-table entry of a 64-bit gate. */
const STACK_TABLE = 7;
/** Of a selector: RPL and the table. */
const NOT_INDEX = 7;
const LOCAL_TABLE = 4;
/** In a descriptor's upper half. */
const ACCESSED = 1 << 8;
const GRANULARITY = 1 << 23;
const RIGHTS_MASK = 0xf0ff;
const PAGE = 4096;

/** With one of these set the other path decides. AC also says as whom supervisor code reads memory. */
const SPECIAL = RFLAGS.tf | RFLAGS.nt | RFLAGS.rf | RFLAGS.vm | RFLAGS.ac;
const SPECIAL_WHEN_POPPED = (SPECIAL & ~RFLAGS.rf) | RFLAGS.vif | RFLAGS.vip;
/** What an IRET at CPL 0 pops beside the arithmetic flags and RF. */
const POPPED = RFLAGS.if | RFLAGS.df | RFLAGS.iopl | RFLAGS.id;

const selectorAt = (segment: number): number => CONTEXT.segmentRegisters + segment * 16;

const field = (b: SemanticsBuilder, offset: number): I32 => b.contextLoad(offset, 32) as I32;

/** CPL 0, and no flag that makes the case a special one. Gives up otherwise; returns the flags that are not arithmetic. */
function plainSupervisor(b: SemanticsBuilder, { giveUpIf }: Attempt): I32 {
  const rest = b.let(field(b, CONTEXT.flagRest));
  const level = i32.and(i32.shrU(field(b, selectorAt(SEGMENT.ss) + 4), i32.const(5)), i32.const(3));
  giveUpIf(i32.or(i32.and(rest, i32.const(SPECIAL)), level));
  return rest;
}

/**
 * Gives up unless loading the selector would leave the segment register as it is: it has the selector, and the descriptor in
 * the GDT, which is marked as accessed, is the one that was loaded.
 */
function requireLoaded(b: SemanticsBuilder, { memory, giveUpIf }: Attempt, segment: number, selector: I32): void {
  const at = selectorAt(segment);
  giveUpIf(i32.ne(selector, field(b, at)));
  giveUpIf(i32.and(selector, i32.const(LOCAL_TABLE)));
  const offset = b.let(i32.and(selector, i32.const(~NOT_INDEX)));
  giveUpIf(i32.gtU(i32.add(offset, i32.const(7)), field(b, CONTEXT.gdtrLimit)));
  const linear = i64.add(b.contextLoad(CONTEXT.gdtrBase, 64) as I64, i64.extendU(offset));
  const descriptor = memory.load(widthOf(64), linear) as I64;
  const low = b.let(i32.wrap(descriptor));
  const high = b.let(i32.wrap(i64.shrU(descriptor, i64.const(32))));
  giveUpIf(i32.eqz(i32.and(high, i32.const(ACCESSED))));
  const rights = i32.and(i32.shrU(high, i32.const(8)), i32.const(RIGHTS_MASK));
  giveUpIf(i32.ne(rights, field(b, at + 4)));
  const base = i32.or(
    i32.or(i32.shrU(low, i32.const(16)), i32.shl(i32.and(high, i32.const(0xff)), i32.const(16))),
    i32.and(high, i32.const(0xff000000 | 0)),
  );
  giveUpIf(i64.ne(i64.extendU(base), b.contextLoad(CONTEXT.segmentBases + segment * 8, 64) as I64));
  const pages = b.let(i32.or(i32.and(low, i32.const(0xffff)), i32.and(high, i32.const(0xf0000))));
  const limit = b.temporary("i32");
  b.code.set(limit, pages);
  b.code.if(i32.and(high, i32.const(GRANULARITY)), () =>
    b.code.set(limit, i32.or(i32.shl(pages, i32.const(12)), i32.const(0xfff))),
  );
  giveUpIf(i32.ne(b.code.get(limit), field(b, at + 8)));
}

export const isNotCanonical = (address: I64): I32 =>
  i64.ne(i64.shrS(i64.shl(address, i64.const(16)), i64.const(16)), address);

/** Gives up where the bytes from a linear address on lie in two pages. */
const requireOnePage = ({ giveUpIf }: Attempt, linear: I64, bytes: number): void =>
  giveUpIf(i32.gtU(i32.and(i32.wrap(linear), i32.const(PAGE - 1)), i32.const(PAGE - bytes)));

interface Mode {
  readonly width: Width;
  /** Bytes of a gate. */
  readonly gate: number;
  /** Values that an interrupt pushes. */
  readonly frame: number;
}

const LONG: Mode = { width: widthOf(64), gate: 16, frame: 5 };
const FLAT_32: Mode = { width: widthOf(32), gate: 8, frame: 3 };

/** What is delivered. */
interface Event {
  readonly vector: I32;
  readonly returnRip: I64;
  /** RFLAGS bits that the pushed image has beside those that are set. */
  readonly extraFlags: number;
  readonly errorCode: I32 | undefined;
  /** Writes what else it changes. */
  readonly commit: () => void;
}

/**
 * An event at CPL 0 through an interrupt or trap gate to the code segment that is running, everything it needs in the soft TLB;
 * a 64-bit gate without a stack of its own (SDM Vol 3A, 6.12.1 and 6.14).
 */
function deliver(b: SemanticsBuilder, attempt: Attempt, { width, gate, frame }: Mode, event: Event): void {
  const { memory, giveUpIf } = attempt;
  const isLong = width.bits === 64;
  const rest = plainSupervisor(b, attempt);
  const at = b.let(i32.mul(event.vector, i32.const(gate)));
  giveUpIf(i32.gtU(i32.add(at, i32.const(gate - 1)), field(b, CONTEXT.idtrLimit)));
  const entry = b.let(i64.add(b.contextLoad(CONTEXT.idtrBase, 64) as I64, i64.extendU(at)));
  const first = memory.load(widthOf(64), entry) as I64;
  const low = b.let(i32.wrap(first));
  const high = b.let(i32.wrap(i64.shrU(first, i64.const(32))));
  giveUpIf(i32.ne(i32.and(high, i32.const(GATE_MASK)), i32.const(GATE)));
  const offset = i32.or(i32.and(low, i32.const(0xffff)), i32.and(high, i32.const(0xffff0000 | 0)));
  let target = i64.extendU(offset);
  if (isLong) {
    giveUpIf(i32.and(high, i32.const(STACK_TABLE)));
    const upper = memory.load(widthOf(32), i64.add(entry, i64.const(8))) as I32;
    target = b.let(i64.or(target, i64.shl(i64.extendU(upper), i64.const(32))));
    giveUpIf(isNotCanonical(target));
  }
  const selector = b.let(i32.and(i32.shrU(low, i32.const(16)), i32.const(0xfffc)));
  requireLoaded(b, attempt, SEGMENT.cs, selector);
  const bytes = (frame + (event.errorCode === undefined ? 0 : 1)) * width.bytes;
  const old = b.let(b.stackPointer());
  const aligned = isLong ? i64.and(old, i64.const(-16)) : old;
  const moved = i64.sub(aligned, i64.const(bytes));
  const stack = b.let(isLong ? moved : i64.extendU(i32.wrap(moved)));
  requireOnePage(attempt, stack, bytes);
  const { host } = memory.probe(width, stack);
  const image = i32.or(i32.or(rest, b.flags()), i32.const(RFLAGS.fixed | event.extraFlags));
  const pushed: Value[] = event.errorCode === undefined ? [] : [width.from32(event.errorCode)];
  pushed.push(width.from64(event.returnRip), width.from32(selector), width.from32(image));
  if (isLong) pushed.push(old, i64.extendU(field(b, selectorAt(SEGMENT.ss))));
  for (const [i, value] of pushed.entries()) b.code.store(width.store, b.code.get(host), value, i * width.bytes);
  b.writeRegister(RSP, 64, stack);
  event.commit();
  // An interrupt gate clears IF, a trap gate leaves it.
  const isTrap = i32.and(i32.shrU(high, i32.const(TRAP_GATE_SHIFT)), i32.const(1));
  const cleared = i32.mul(i32.xor(isTrap, i32.const(1)), i32.const(RFLAGS.if));
  b.contextStore(CONTEXT.flagRest, 32, i32.and(rest, i32.xor(cleared, i32.const(-1))));
  b.branchIndirect(target);
}

const interrupt = (b: SemanticsBuilder, attempt: Attempt, mode: Mode): void =>
  deliver(b, attempt, mode, {
    vector: i32.and(b.outsideImmediate(), i32.const(0xff)),
    returnRip: b.nextRip(),
    extraFlags: 0,
    errorCode: undefined,
    commit: () => {},
  });

/** The main function has found out where the instruction is, and the slow memory path what is wrong (STATUS.pageFault). */
function pageFault(b: SemanticsBuilder, attempt: Attempt, mode: Mode): void {
  attempt.giveUpIf(i32.and(field(b, CONTEXT.outsideExceptions), i32.const(1 << VECTOR_PF)));
  deliver(b, attempt, mode, {
    vector: i32.const(VECTOR_PF),
    returnRip: b.contextLoad(CONTEXT.rip, 64) as I64,
    extraFlags: RFLAGS.rf,
    errorCode: field(b, CONTEXT.stopDetail),
    commit: () => b.contextStore(CONTEXT.cr2, 64, b.contextLoad(CONTEXT.linear, 64)),
  });
}

/** IRET at CPL 0 to the code and stack segments that are in use, which does not open interrupts (SDM Vol 2A, IRET). */
function interruptReturn(b: SemanticsBuilder, attempt: Attempt, { width, frame }: Mode): void {
  const { memory, giveUpIf } = attempt;
  const isLong = width.bits === 64;
  giveUpIf(i32.ne(b.outsideOperandSize(), i32.const(width.bits)));
  giveUpIf(field(b, CONTEXT.nmiBlocked));
  const rest = plainSupervisor(b, attempt);
  const stack = b.let(isLong ? b.stackPointer() : i64.extendU(i32.wrap(b.stackPointer())));
  const bytes = frame * width.bytes;
  requireOnePage(attempt, stack, bytes);
  const popped = Array.from({ length: frame }, (_, i) =>
    memory.load(width, i64.add(stack, i64.const(i * width.bytes))),
  );
  const [target, code, image, newStack, stackSegment] = popped as [Value, Value, Value, Value, Value];
  const flags = b.let(width.low32(image));
  giveUpIf(i32.and(flags, i32.const(SPECIAL_WHEN_POPPED)));
  giveUpIf(i32.and(i32.and(flags, i32.xor(rest, i32.const(-1))), i32.const(RFLAGS.if)));
  requireLoaded(b, attempt, SEGMENT.cs, b.let(i32.and(width.low32(code), i32.const(0xffff))));
  if (isLong) {
    giveUpIf(isNotCanonical(target as I64));
    requireLoaded(b, attempt, SEGMENT.ss, b.let(i32.and(width.low32(stackSegment), i32.const(0xffff))));
  }
  const moved = isLong ? (newStack as I64) : i64.extendU(i32.wrap(i64.add(stack, i64.const(bytes))));
  b.writeRegister(RSP, 64, moved);
  b.contextStore(CONTEXT.flagRest, 32, i32.and(flags, i32.const(POPPED)));
  b.setExplicitFlags(i32.and(flags, i32.const(ARITHMETIC_FLAGS)));
  const next = b.let(width.zeroExtend64(target));
  // RF ends with the instruction there.
  b.code.if(i32.and(flags, i32.const(RFLAGS.rf)), () => {
    b.contextStore(CONTEXT.rip, 64, next);
    b.stop(STATUS.resumed, i32.const(0));
  });
  b.branchIndirect(next);
}

/** What has its common case in flat 32-bit and in 64-bit code written, and is otherwise carried out outside. */
function withCommonCase(
  write: (b: SemanticsBuilder, attempt: Attempt, mode: Mode) => void,
  status: number,
  detail: (b: SemanticsBuilder) => I32,
): SemanticsTable[string] {
  return {
    endsBlock: true,
    isOutside: true,
    write: (b) => {
      const isMode = (mode: number): I32 => i32.eq(field(b, CONTEXT.codeMode), i32.const(mode));
      b.attempt((attempt) => {
        b.code.if(isMode(CODE_MODE.long), () => write(b, attempt, LONG));
        b.code.if(isMode(CODE_MODE.flat32), () => write(b, attempt, FLAT_32));
      });
      b.stop(status, detail(b));
    },
  };
}

export const interrupts: SemanticsTable = {
  int: withCommonCase(interrupt, STATUS.helper, () => i32.const(HELPER.interrupt)),
  iret: withCommonCase(interruptReturn, STATUS.helper, () => i32.const(HELPER.interruptReturn)),
  [PAGE_FAULT_DELIVERY]: withCommonCase(pageFault, STATUS.pageFault, (b) => field(b, CONTEXT.stopDetail)),
};
