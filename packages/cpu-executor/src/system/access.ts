import type { HostMemory } from "@likex/host-memory";
import { CONTEXT, SEGMENT, SEGMENT_SLOT } from "../context.ts";
import { NO_REGISTER } from "../predecode.ts";
import { RECORD } from "../record.ts";
import { isAllowed } from "../segment-check.ts";
import type { SoftTlb } from "../soft-tlb.ts";
import type { CpuState } from "../state.ts";
import { STATUS } from "../status.ts";

/** What an instruction or an event delivery returns when it has happened; else it returns a STATUS and has changed nothing. */
export const DONE = -1;

export const VECTOR = {
  de: 0,
  db: 1,
  nmi: 2,
  bp: 3,
  of: 4,
  br: 5,
  ud: 6,
  nm: 7,
  df: 8,
  ts: 10,
  np: 11,
  ss: 12,
  gp: 13,
  pf: 14,
  ac: 17,
} as const;

const RSP = 4;
const MASK_32 = 0xffff_ffffn;
const TWO_32 = 2 ** 32;

export const isCanonical = (address: bigint): boolean => BigInt.asIntN(48, address) === BigInt.asIntN(64, address);

const baseOf = (state: CpuState, register: number): bigint =>
  (BigInt(state.segmentBaseHigh(register) >>> 0) << 32n) | BigInt(state.segmentBaseLow(register) >>> 0);

/**
 * Memory, operands and faults as the operations outside emitted code see them. The first failure of an operation sticks: from
 * then on reads give 0, writes do nothing and `failed` is true, so an operation reads all that it needs, looks at
 * `failed` once, and only then changes state.
 */
export class SystemAccess {
  readonly state: CpuState;
  readonly #memory: HostMemory;
  readonly #tlb: SoftTlb;
  #failure = 0;
  /** What locateOperand found. */
  linearLow = 0;
  linearHigh = 0;
  /** Error code of the exception raised, -1 for none. */
  errorCode = -1;

  constructor(state: CpuState, tlb: SoftTlb, memory: HostMemory) {
    this.state = state;
    this.#tlb = tlb;
    this.#memory = memory;
  }

  /** Forgets the last failure. */
  begin(): void {
    this.#failure = 0;
  }

  get failed(): boolean {
    return this.#failure !== 0;
  }

  /** True when the failure is no exception of the guest: the operation is repeated as if it had not begun. */
  get mustRepeat(): boolean {
    return this.#failure === STATUS.codeWrite || (this.#failure === STATUS.stopped && this.#tlb.isStoppedByMmu);
  }

  /** The STATUS of the failure. */
  get failure(): number {
    return this.#failure;
  }

  /** Raises an exception, unless something failed before; in real mode none has an error code. */
  raise(vector: number, errorCode = -1): number {
    if (this.#failure !== 0) return this.#failure;
    this.#memory.i32[(this.state.contextAddress + CONTEXT.stopDetail) >> 2] = vector;
    this.errorCode = this.state.isRealMode ? -1 : errorCode;
    this.#failure = STATUS.exception;
    return STATUS.exception;
  }

  generalProtection(errorCode = 0): number {
    return this.raise(VECTOR.gp, errorCode);
  }

  /** The operation itself stops, not one of its accesses: a STOP. */
  stop(kind: number): number {
    this.#tlb.stopWith(kind);
    this.#failure = STATUS.stopped;
    return STATUS.stopped;
  }

  undefinedOpcode(): number {
    return this.raise(VECTOR.ud);
  }

  /** Reads 1, 2, 4 or 8 bytes as a supervisor, as for descriptor tables and the TSS; a number below 2^53 loses nothing up to 4 bytes. */
  readSystem(linear: bigint, bytes: number): bigint {
    return this.#read(linear, bytes, "implicit");
  }

  writeSystem(linear: bigint, bytes: number, value: bigint): void {
    this.#write(linear, bytes, value, "implicit");
  }

  /** Reads at the guest's own privilege. */
  readLinear(linear: bigint, bytes: number): bigint {
    return this.#read(linear, bytes, "guest");
  }

  writeLinear(linear: bigint, bytes: number, value: bigint): void {
    this.#write(linear, bytes, value, "guest");
  }

  /** Linear address of an access in a segment register; raises #GP(0) or #SS(0) where the segment forbids it. */
  linearOf(register: number, offset: bigint, bytes: number, access: "read" | "write"): bigint {
    const { state } = this;
    const vector = register === SEGMENT.ss ? VECTOR.ss : VECTOR.gp;
    const is64 = state.codeBits === 64;
    const hasBase = !is64 || register === SEGMENT.fs || register === SEGMENT.gs;
    // One width for both modes, for the reason that #read gives.
    const linear = BigInt.asUintN(is64 ? 64 : 32, (hasBase ? baseOf(state, register) : 0n) + offset);
    if (is64 ? !isCanonical(linear) : !isAllowed(state, register, Number(offset), bytes, access)) this.raise(vector, 0);
    return linear;
  }

  read(register: number, offset: bigint, bytes: number): bigint {
    return this.readLinear(this.linearOf(register, offset, bytes, "read"), bytes);
  }

  write(register: number, offset: bigint, bytes: number, value: bigint): void {
    this.writeLinear(this.linearOf(register, offset, bytes, "write"), bytes, value);
  }

  /** Fails as a write would. */
  probeWrite(register: number, offset: bigint, bytes: number): void {
    const linear = this.linearOf(register, offset, bytes, "write");
    if (this.#failure !== 0) return;
    const low = Number(BigInt.asIntN(32, linear));
    const high = Number(BigInt.asIntN(32, linear >> 32n));
    const status = this.#tlb.probe(bytes, low, high);
    if (status !== 0) this.#fail(status);
  }

  #read(linear: bigint, bytes: number, how: "implicit" | "guest"): bigint {
    const value = this.state.contextAddress + CONTEXT.memoryValue;
    if (this.#failure === 0) {
      const low = Number(BigInt.asIntN(32, linear));
      const high = Number(BigInt.asIntN(32, linear >> 32n));
      const status = how === "guest" ? this.#tlb.read(bytes, low, high) : this.#tlb.readImplicit(bytes, low, high);
      if (status !== 0) this.#fail(status);
    }
    if (this.#failure !== 0) {
      this.#memory.i32[value >> 2] = 0;
      this.#memory.i32[(value + 4) >> 2] = 0;
    }
    // One way out: V8 11.3 (Node 20) aborts where a branch yields a bigint constant or a bigint from an array and the
    // caller, after inlining, makes a machine word of either.
    return this.#memory.u64[value >> 3] as bigint;
  }

  #write(linear: bigint, bytes: number, value: bigint, how: "implicit" | "guest"): void {
    if (this.#failure !== 0) return;
    this.#memory.u64[(this.state.contextAddress + CONTEXT.memoryValue) >> 3] = value;
    const low = Number(BigInt.asIntN(32, linear));
    const high = Number(BigInt.asIntN(32, linear >> 32n));
    const status = how === "guest" ? this.#tlb.write(bytes, low, high) : this.#tlb.writeImplicit(bytes, low, high);
    if (status !== 0) this.#fail(status);
  }

  /** A non-canonical address that the processor itself used: in a table, a stack or a TSS. */
  #fail(status: number): void {
    if (status === STATUS.nonCanonical) this.raise(VECTOR.gp, 0);
    else this.#failure = status;
  }

  // The record of an instruction that is carried out here: see writeRecord in predecode.ts.

  /** Operand size in bytes. */
  operandBytes(record: number): number {
    return (this.#memory.u16[(record + RECORD.register0) >> 1] as number) >> 11;
  }

  /** ModRM.reg, or the segment register that the instruction names. */
  reg(record: number): number {
    return (this.#memory.u16[(record + RECORD.register0) >> 1] as number) & 0xff;
  }

  /** ModRM.rm where it is a register, or -1. */
  rm(record: number): number {
    const register = this.#memory.u16[(record + RECORD.register1) >> 1] as number;
    return register === NO_REGISTER ? -1 : register;
  }

  immediate(record: number): number {
    return this.#memory.i32[(record + RECORD.immediate) >> 2] as number;
  }

  /** Second immediate: a far pointer's selector, ENTER's level. */
  immediate2(record: number): number {
    return this.#memory.i32[(record + RECORD.immediate2) >> 2] as number;
  }

  /** Segment register of the memory operand. */
  segmentOf(record: number): number {
    const slot = ((this.#memory.u16[(record + RECORD.segment) >> 1] as number) - CONTEXT.segments) >> 4;
    if (slot === SEGMENT_SLOT.fs64) return SEGMENT.fs;
    if (slot === SEGMENT_SLOT.gs64) return SEGMENT.gs;
    if (slot === SEGMENT_SLOT.stack) return SEGMENT.ss;
    return slot === SEGMENT_SLOT.flat ? SEGMENT.ds : slot;
  }

  /** Offset of the memory operand, `further` bytes on. */
  effectiveAddress(record: number, further = 0): bigint {
    const { u16, u8, i64 } = this.#memory;
    const register = (field: number): bigint =>
      i64[(this.state.contextAddress + (u16[(record + field) >> 1] as number)) >> 3] as bigint;
    const scale = BigInt(u8[record + RECORD.scale] as number);
    const displacement = i64[(record + RECORD.displacement) >> 3] as bigint;
    const sum = register(RECORD.base) + (register(RECORD.indexRegister) << scale) + displacement;
    const bits = this.addressBits(record);
    return BigInt.asUintN(bits, BigInt.asUintN(bits, sum) + BigInt(further));
  }

  /**
   * Linear address of the memory operand without any check of its segment, as INVLPG takes it: sets `linearLow` and
   * `linearHigh`.
   */
  locateOperand(record: number): void {
    const { u16, u8, u32, i32 } = this.#memory;
    const context = this.state.contextAddress;
    const base = (context + (u16[(record + RECORD.base) >> 1] as number)) >> 2;
    const index = (context + (u16[(record + RECORD.indexRegister) >> 1] as number)) >> 2;
    const displacement = (record + RECORD.displacement) >> 2;
    const factor = 1 << (u8[record + RECORD.scale] as number);
    let low = (u32[base] as number) + (u32[index] as number) * factor + (u32[displacement] as number);
    let high =
      (i32[base + 1] as number) +
      (i32[index + 1] as number) * factor +
      (i32[displacement + 1] as number) +
      Math.floor(low / TWO_32);
    const bits = this.addressBits(record);
    if (bits === 16) low &= 0xffff;
    if (bits !== 64) high = 0;
    const register = this.segmentOf(record);
    const is64 = this.state.codeBits === 64;
    if (!is64 || register === SEGMENT.fs || register === SEGMENT.gs) {
      low = (low >>> 0) + (this.state.segmentBaseLow(register) >>> 0);
      high += this.state.segmentBaseHigh(register) + (low >= TWO_32 ? 1 : 0);
    }
    this.linearLow = low | 0;
    this.linearHigh = is64 ? high | 0 : 0;
  }

  addressBits(record: number): number {
    return 64 - (this.#memory.u8[record + RECORD.addressShift] as number);
  }

  /** `bytes` bytes of the memory operand, `further` bytes from its start. */
  readOperand(record: number, bytes: number, further = 0): bigint {
    return this.read(this.segmentOf(record), this.effectiveAddress(record, further), bytes);
  }

  writeOperand(record: number, bytes: number, value: bigint, further = 0): void {
    this.write(this.segmentOf(record), this.effectiveAddress(record, further), bytes, value);
  }

  /** The 16-bit operand ModRM.rm: register or memory. */
  readWord(record: number): number {
    const register = this.rm(record);
    return register >= 0 ? this.state.registerLow(register) & 0xffff : Number(this.readOperand(record, 2));
  }

  /** Writes a general register at an operand size: 2 bytes leave the rest, 4 clear the upper half. */
  writeRegister(register: number, bytes: number, value: bigint): void {
    if (bytes === 2) {
      this.#memory.u16[(this.state.contextAddress + CONTEXT.gpr + register * 8) >> 1] = Number(value & 0xffffn);
    } else {
      this.state.setRegister(register, bytes === 4 ? value & MASK_32 : value);
    }
  }

  // The stack of the current mode.

  stackBits(): number {
    return 64 - (this.#memory.i32[(this.state.contextAddress + CONTEXT.stackShift) >> 2] as number);
  }

  get stackPointer(): bigint {
    return BigInt.asUintN(this.stackBits(), this.state.getRegister(RSP));
  }

  /** Sets rSP at the stack's address size. */
  setStackPointer(value: bigint, bits: number = this.stackBits()): void {
    const kept = bits === 16 ? this.state.getRegister(RSP) & ~0xffffn : 0n;
    this.state.setRegister(RSP, kept | BigInt.asUintN(bits, value));
  }

  /** The value `offset` bytes above the stack pointer. */
  peek(offset: number, bytes: number): bigint {
    return this.read(SEGMENT.ss, BigInt.asUintN(this.stackBits(), this.stackPointer + BigInt(offset)), bytes);
  }

  /** Writes values below the stack pointer in the order of pushes, and returns the new stack pointer; `failed` tells whether it may be set. */
  push(values: readonly bigint[], bytes: number): bigint {
    const bits = this.stackBits();
    let pointer = this.stackPointer;
    for (const value of values) {
      pointer = BigInt.asUintN(bits, pointer - BigInt(bytes));
      this.write(SEGMENT.ss, pointer, bytes, value);
    }
    return pointer;
  }
}
