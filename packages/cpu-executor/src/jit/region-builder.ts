import {
  type Expression,
  type FunctionBuilder,
  type FunctionReference,
  type I32,
  type I64,
  i32,
  i64,
  type Local,
  load,
} from "@likex/wasm-emitter";
import { BASE_RIP } from "@likex/x86-decoder";
import { CONTEXT, SEGMENT_SLOT } from "../context.ts";
import { segmentOffset } from "../predecode.ts";
import {
  type FlagFunctions,
  type KnownFlags,
  type Probe,
  type SegmentAccess,
  SemanticsBuilder,
  type Shape,
  type Slot,
} from "../semantics/builder.ts";
import { LeavingAccess, type LocalPool } from "../semantics/memory-access.ts";
import { type Bits, type Value, type Width, widthOf } from "../semantics/width.ts";
import type { RegionInstruction, RegisterOperand } from "./instruction.ts";
import type { RegionBase } from "./region.ts";

/** The lazy flags in locals; `first` is the first operand of the comparison or subtraction that set them. */
export interface FlagLocals {
  readonly operation: Local<"i32">;
  readonly result: Local<"i64">;
  readonly source: Local<"i64">;
  readonly first: Local<"i64">;
}

/** What the instructions of a region share. */
export interface RegionFrame {
  readonly code: FunctionBuilder;
  readonly context: Local<"i32">;
  readonly page: RegionBase;
  readonly registers: RegisterLocals;
  readonly flags: FlagLocals;
  readonly flagFunctions: FlagFunctions;
  readonly tlb: Local<"i32">;
  readonly tlbMask: Local<"i32">;
  readonly pool: LocalPool;
  /** Leaves the region where the condition holds, for the interpreter to carry out the instruction. */
  readonly leaveIf: (condition: I32) => void;
  readonly leave: () => void;
  /** Goes on at a position, which the region need not have. */
  readonly goTo: (position: number) => void;
  readonly goToRip: (rip: I64) => void;
}

const LOCAL_GET = 0x20;

/** General registers as locals: those that the region names. */
export class RegisterLocals {
  readonly #code: FunctionBuilder;
  readonly #locals = new Map<number, Local<"i64">>();
  readonly #indices = new Set<number>();
  /** Numbers of those that the region changes. */
  readonly written: Set<number> = new Set();

  constructor(code: FunctionBuilder) {
    this.#code = code;
  }

  of(number: number): Local<"i64"> {
    const known = this.#locals.get(number);
    if (known !== undefined) return known;
    const fresh = this.#code.local("i64");
    this.#locals.set(number, fresh);
    this.#indices.add(fresh.index);
    return fresh;
  }

  /** Whether a local, by its index, is a register's. */
  has(index: number): boolean {
    return this.#indices.has(index);
  }

  get used(): ReadonlyMap<number, Local<"i64">> {
    return this.#locals;
  }
}

/** The compiler's back end: one instruction of a region. Operands are constants of the code, registers and flags are locals. */
export class RegionBuilder extends SemanticsBuilder {
  readonly code: FunctionBuilder;
  readonly shape: Shape;
  protected readonly flagFunctions: FlagFunctions;
  readonly #frame: RegionFrame;
  readonly #instruction: RegionInstruction;
  readonly #memory: LeavingAccess;

  constructor(frame: RegionFrame, instruction: RegionInstruction, known: KnownFlags | undefined) {
    super();
    this.code = frame.code;
    this.shape = instruction.selection.shape;
    this.flagFunctions = frame.flagFunctions;
    this.#frame = frame;
    this.#instruction = instruction;
    this.knownFlags = known;
    this.#memory = new LeavingAccess(this, frame.leaveIf);
  }

  /** What is known of the flags behind the instruction. */
  get known(): KnownFlags | undefined {
    return this.knownFlags;
  }

  /** A register's own local changes when the register is written, so that it cannot stand for a value that is kept. */
  override let<T extends "i32" | "i64">(value: Expression<T>): Expression<T> {
    const { immediate } = value;
    if (value.opcode !== LOCAL_GET || immediate.kind !== "index" || !this.#frame.registers.has(immediate.value))
      return super.let(value);
    const local = this.temporary(value.type);
    this.code.set(local, value);
    return this.code.get(local);
  }

  temporary<T extends "i32" | "i64">(type: T): Local<T> {
    return this.#frame.pool.take(type);
  }

  contextLoad(offset: number, bits: Bits): Value {
    return widthOf(bits).load(this.contextAddress(), offset);
  }

  contextStore(offset: number, bits: Bits, value: Value): void {
    this.code.store(widthOf(bits).store, this.contextAddress(), value, offset);
  }

  contextAddress(): I32 {
    return this.code.get(this.#frame.context);
  }

  tlbAddress(): I32 {
    return this.code.get(this.#frame.tlb);
  }

  tlbMask(): I32 {
    return this.code.get(this.#frame.tlbMask);
  }

  /** What is known of the flags outlives the instruction's temporaries: it is in locals of its own. */
  override setFlags(kind: KnownFlags["kind"], result: Value, source: Value, first?: Value): void {
    super.setFlags(kind, result, source, first);
    const { width } = this;
    const { flags } = this.#frame;
    if (first !== undefined) this.code.set(flags.first, width.signExtend64(first));
    const kept = (local: Local<"i64">): Value => width.from64(this.code.get(local));
    const base = { kind, width, result: kept(flags.result), source: kept(flags.source) };
    this.knownFlags = first === undefined ? base : { ...base, first: kept(flags.first) };
  }

  protected override storeFlags(operation: I32, result: I64 | undefined, source: I64 | undefined): void {
    const { flags } = this.#frame;
    this.code.set(flags.operation, operation);
    if (result !== undefined) this.code.set(flags.result, result);
    if (source !== undefined) this.code.set(flags.source, source);
  }

  readRegister(index: number, bits: Bits, high = 0): Value {
    const whole = this.code.get(this.#frame.registers.of(index));
    return widthOf(bits).from64(high === 0 ? whole : i64.shrU(whole, i64.const(8)));
  }

  writeRegister(index: number, bits: Bits, value: Value, high = 0): void {
    const local = this.#frame.registers.of(index);
    this.#frame.registers.written.add(index);
    const wide = widthOf(bits).zeroExtend64(value);
    if (bits >= 32) {
      this.code.set(local, wide);
      return;
    }
    const shift = high * 8;
    const mask = ((1n << BigInt(bits)) - 1n) << BigInt(shift);
    const placed = shift === 0 ? wide : i64.shl(wide, i64.const(shift));
    this.code.set(local, i64.or(i64.and(this.code.get(local), i64.const(~mask)), placed));
  }

  protected readSlot(slot: Slot, bits: Bits): Value {
    const { number, high } = this.#operand(slot);
    // Kept, so that a later write to the register does not change the value.
    return this.let(this.readRegister(number, bits, high));
  }

  protected writeSlot(slot: Slot, bits: Bits, value: Value): void {
    const { number, high } = this.#operand(slot);
    this.writeRegister(number, bits, value, high);
  }

  #operand(slot: Slot): RegisterOperand {
    return this.#instruction.registers[slot] as RegisterOperand;
  }

  protected readImmediate(bits: Bits, wide: boolean): Value {
    const { immediate, immediateHigh } = this.#instruction.decoded;
    if (wide) return i64.const((BigInt(immediateHigh) << 32n) | BigInt(immediate >>> 0));
    return bits === 64 ? i64.const(immediate) : widthOf(bits).from32(i32.const(immediate));
  }

  slotAddress(): I32 {
    return this.#notCompiled();
  }

  slotNumber(): I32 {
    return this.#notCompiled();
  }

  routine(): FunctionReference {
    return this.#notCompiled();
  }

  insertRoutine(): I32 {
    return this.#notCompiled();
  }

  x87Opcode(): I32 {
    return this.#notCompiled();
  }

  attempt(): void {
    this.#notCompiled();
  }

  outsideOperandSize(): I32 {
    return this.#notCompiled();
  }

  outsideImmediate(): I32 {
    return this.#notCompiled();
  }

  outsideReg(): I32 {
    return this.#notCompiled();
  }

  outsideRm(): I32 {
    return this.#notCompiled();
  }

  #notCompiled(): never {
    throw new RangeError(`${this.shape.mnemonic} is not compiled`);
  }

  #rip(position: number): I64 {
    const rip = this.#frame.page.rip + BigInt(position);
    return i64.const(this.#frame.page.bits === 64 ? BigInt.asIntN(64, rip) : BigInt.asUintN(32, rip));
  }

  instructionPointer(): I64 {
    return this.#rip(this.#instruction.start);
  }

  nextRip(): I64 {
    return this.#rip(this.#instruction.end);
  }

  effectiveAddress(): I64 {
    const d = this.#instruction.decoded;
    let displacement = (BigInt(d.displacementHigh) << 32n) | BigInt(d.displacement >>> 0);
    if (d.base === BASE_RIP) displacement = this.#frame.page.rip + BigInt(this.#instruction.end + d.displacement);
    // POP computes its address after the stack pointer has moved (SDM Vol 2, POP).
    if (this.#instruction.selection.popsToMemory && d.base === 4) displacement += BigInt(this.shape.bits / 8);
    let sum: I64 = i64.const(BigInt.asIntN(64, displacement));
    if (d.base >= 0 && d.base < 16) sum = i64.add(this.readRegister(d.base, 64) as I64, sum);
    if (d.index >= 0) sum = i64.add(sum, i64.shl(this.readRegister(d.index, 64) as I64, i64.const(d.scaleShift)));
    return this.let(this.addressTruncate(sum));
  }

  addressTruncate(value: I64): I64 {
    const { addressSize } = this.#instruction.decoded;
    if (addressSize === 64) return value;
    return addressSize === 32 ? i64.extendU(i32.wrap(value)) : i64.and(value, i64.const(0xffff));
  }

  writeAddressRegister(index: number, value: I64): void {
    const { addressSize } = this.#instruction.decoded;
    if (addressSize === 16) this.writeRegister(index, 16, i32.and(i32.wrap(value), i32.const(0xffff)));
    else this.writeRegister(index, 64, this.addressTruncate(value));
  }

  operandLinear(offset: I64, bytes: number, _access?: SegmentAccess): I64 {
    const { segment } = this.#instruction.decoded;
    return this.#linear(segmentOffset(segment, this.#frame.page.bits), segment >= 4, offset, bytes);
  }

  segmentLinear(slot: number, offset: I64, bytes: number): I64 {
    return this.#linear(
      CONTEXT.segments + slot * 16,
      slot === SEGMENT_SLOT.fs64 || slot === SEGMENT_SLOT.gs64,
      offset,
      bytes,
    );
  }

  /** CODE_MODE promises that CS, DS, ES and SS begin at 0 and cover everything; an access across their end misses the soft TLB. */
  #linear(at: number, isChecked: boolean, offset: I64, bytes: number): I64 {
    if (!isChecked) return offset;
    const kept = this.let(offset);
    const last = bytes === 1 ? kept : i64.add(kept, i64.const(bytes - 1));
    this.#frame.leaveIf(i64.geU(last, load.i64(this.contextAddress(), at + 8)));
    return i64.add(kept, load.i64(this.contextAddress(), at));
  }

  override stackSlot(
    delta: number | I64,
    _bytes: number,
    at: "new" | "old",
  ): { readonly linear: I64; readonly commit: () => void } {
    const old = this.let(this.#stackAddress(this.stackPointer()));
    const moved = this.let(this.#stackAddress(i64.add(old, typeof delta === "number" ? i64.const(delta) : delta)));
    return { linear: at === "new" ? moved : old, commit: () => this.writeRegister(4, 64, moved) };
  }

  #stackAddress(value: I64): I64 {
    return this.#frame.page.bits === 64 ? value : i64.extendU(i32.wrap(value));
  }

  load(width: Width, linear: I64): Value {
    return this.#memory.load(width, linear);
  }

  store(width: Width, linear: I64, value: Value): void {
    this.#memory.store(width, linear, value);
  }

  probe(width: Width, linear: I64): Probe {
    return this.#memory.probe(width, linear);
  }

  loadProbed(width: Width, probe: Probe): Value {
    return this.#memory.loadProbed(width, probe);
  }

  storeProbed(width: Width, probe: Probe, value: Value): void {
    this.#memory.storeProbed(width, probe, value);
  }

  stop(): void {
    this.#frame.leave();
  }

  fail(): void {
    this.#frame.leave();
  }

  leave(): void {
    this.#notCompiled();
  }

  branch(condition: I32 | undefined): void {
    const taken = (): void => this.#frame.goTo(this.#instruction.end + this.#instruction.decoded.immediate);
    if (condition === undefined) taken();
    else this.code.if(condition, taken, () => this.#frame.goTo(this.#instruction.end));
  }

  branchIndirect(target: I64): void {
    this.#frame.goToRip(target);
  }

  checkTarget(target: I64): void {
    if (this.#frame.page.bits !== 64) return;
    const kept = this.let(target);
    this.#frame.leaveIf(i64.ne(i64.shrS(i64.shl(kept, i64.const(16)), i64.const(16)), kept));
  }
}
