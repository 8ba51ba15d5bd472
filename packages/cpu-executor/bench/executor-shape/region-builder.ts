import { type FunctionBuilder, type I32, type I64, i32, i64, type Local, load } from "@likex/wasm-emitter";
import { BASE_RIP, type DecodedInstruction } from "@likex/x86-decoder";
import { CONTEXT } from "../../src/context.ts";
import {
  type FlagFunctions,
  type KnownFlags,
  type Probe,
  SemanticsBuilder,
  type Shape,
  type Slot,
} from "../../src/semantics/builder.ts";
import { CallingAccess, type SlowPath } from "../../src/semantics/memory-access.ts";
import { type Bits, type Value, type Width, widthOf } from "../../src/semantics/width.ts";

/** What a region's instructions share: registers are locals, and every way out stores them. */
export interface RegionFrame {
  readonly code: FunctionBuilder;
  readonly context: Local<"i32">;
  readonly registers: readonly Local<"i64">[];
  readonly slow: SlowPath;
  readonly flagFunctions: FlagFunctions;
  readonly flags: FlagLocals;
  /** Leaves the region at an instruction pointer. */
  readonly leave: (rip: I64, status: I32) => void;
  /** Continues at a static target, in the region if it has a block there. */
  readonly jump: (rip: number) => void;
}

/** The lazy flags of the context, in locals. */
export interface FlagLocals {
  readonly operation: Local<"i32">;
  readonly result: Local<"i64">;
  readonly source: Local<"i64">;
}

export interface RegionInstruction {
  readonly shape: Shape;
  readonly decoded: DecodedInstruction;
  readonly rip: number;
  /** Numbers of the register operands, and 1 for those that are the second byte of a register. */
  readonly operands: readonly { readonly number: number; readonly high: number }[];
}

/**
 * The second back end of the semantics: one instruction of a compiled region in flat 64-bit mode. Operands are constants
 * of the code, registers and lazy flags are locals that are stored where the region is left.
 */
export class RegionBuilder extends SemanticsBuilder {
  readonly code: FunctionBuilder;
  readonly shape: Shape;
  protected readonly flagFunctions: FlagFunctions;
  readonly #frame: RegionFrame;
  readonly #instruction: RegionInstruction;
  readonly #memory: CallingAccess;

  constructor(frame: RegionFrame, instruction: RegionInstruction, known: KnownFlags | undefined) {
    super();
    this.code = frame.code;
    this.shape = instruction.shape;
    this.flagFunctions = frame.flagFunctions;
    this.#frame = frame;
    this.#instruction = instruction;
    this.knownFlags = known;
    this.#memory = new CallingAccess(this, frame.slow, (status) => frame.leave(i64.const(instruction.rip), status));
  }

  /** What is known of the flags behind the instruction. */
  get known(): KnownFlags | undefined {
    return this.knownFlags;
  }

  get #next(): number {
    return this.#instruction.rip + this.#instruction.decoded.length;
  }

  temporary<T extends "i32" | "i64">(type: T): Local<T> {
    return this.code.local(type);
  }

  contextLoad(offset: number, bits: Bits): Value {
    return widthOf(bits).load(this.code.get(this.#frame.context), offset);
  }

  contextStore(offset: number, bits: Bits, value: Value): void {
    this.code.store(widthOf(bits).store, this.code.get(this.#frame.context), value, offset);
  }

  protected override storeFlags(operation: I32, result: I64 | undefined, source: I64 | undefined): void {
    const { flags } = this.#frame;
    this.code.set(flags.operation, operation);
    if (result !== undefined) this.code.set(flags.result, result);
    if (source !== undefined) this.code.set(flags.source, source);
  }

  // The functions of the flags find them in the context.
  override carry(): I32 {
    storeFlagLocals(this.#frame);
    return this.let(super.carry());
  }

  override flags(): I32 {
    storeFlagLocals(this.#frame);
    return this.let(super.flags());
  }

  override condition(number: number): I32 {
    const even = number & ~1;
    if (this.knownFlags === undefined || even === 0 || even === 10) storeFlagLocals(this.#frame);
    return this.let(super.condition(number));
  }

  readRegister(index: number, bits: Bits, high = 0): Value {
    const whole = this.code.get(this.#frame.registers[index] as Local<"i64">);
    return widthOf(bits).from64(high === 0 ? whole : i64.shrU(whole, i64.const(8)));
  }

  writeRegister(index: number, bits: Bits, value: Value, high = 0): void {
    const local = this.#frame.registers[index] as Local<"i64">;
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

  #operand(slot: Slot): RegionInstruction["operands"][number] {
    return this.#instruction.operands[slot] as RegionInstruction["operands"][number];
  }

  protected readImmediate(bits: Bits, wide: boolean): Value {
    const { immediate, immediateHigh } = this.#instruction.decoded;
    if (wide) return i64.const((BigInt(immediateHigh) << 32n) | BigInt(immediate >>> 0));
    return bits === 64 ? i64.const(immediate) : widthOf(bits).from32(i32.const(immediate));
  }

  contextAddress(): I32 {
    return this.code.get(this.#frame.context);
  }

  slotAddress(): I32 {
    return this.#notInRegion();
  }

  slotNumber(): I32 {
    return this.#notInRegion();
  }

  routine(): FunctionBuilder {
    return this.#notInRegion();
  }

  insertRoutine(): I32 {
    return this.#notInRegion();
  }

  instructionPointer(): I64 {
    return i64.const(this.#instruction.rip);
  }

  x87Opcode(): I32 {
    return this.#notInRegion();
  }

  fail(status: I32): void {
    this.#frame.leave(i64.const(this.#instruction.rip), status);
  }

  /** The regions of this benchmark hold instructions of the first module only. */
  #notInRegion(): never {
    throw new RangeError(`${this.shape.mnemonic} is not compiled`);
  }

  effectiveAddress(): I64 {
    const d = this.#instruction.decoded;
    let sum: I64 = i64.const(d.base === BASE_RIP ? d.displacement + this.#next : d.displacement);
    if (d.base >= 0 && d.base < 16) sum = i64.add(this.readRegister(d.base, 64) as I64, sum);
    if (d.index >= 0) sum = i64.add(sum, i64.shl(this.readRegister(d.index, 64) as I64, i64.const(d.scaleShift)));
    return this.let(this.addressTruncate(sum));
  }

  addressTruncate(value: I64): I64 {
    return this.#instruction.decoded.addressSize === 64 ? value : i64.extendU(i32.wrap(value));
  }

  writeAddressRegister(index: number, value: I64): void {
    this.writeRegister(index, 64, this.addressTruncate(value));
  }

  operandLinear(offset: I64): I64 {
    return offset;
  }

  segmentLinear(_slot: number, offset: I64): I64 {
    return offset;
  }

  override stackSlot(delta: number | I64, _bytes: number, at: "new" | "old"): { linear: I64; commit: () => void } {
    const old = this.let(this.stackPointer());
    const moved = this.let(i64.add(old, typeof delta === "number" ? i64.const(delta) : delta));
    return { linear: at === "new" ? moved : old, commit: () => this.writeRegister(4, 64, moved) };
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

  attempt(): void {
    this.#notInRegion();
  }

  outsideOperandSize(): I32 {
    return this.#notInRegion();
  }

  outsideImmediate(): I32 {
    return this.#notInRegion();
  }

  /** The benchmark's guests have no branch to an invalid address. */
  checkTarget(): void {}

  tlbAddress(): I32 {
    return load.i32(this.contextAddress(), CONTEXT.tlb);
  }

  tlbMask(): I32 {
    return load.i32(this.contextAddress(), CONTEXT.tlbMask);
  }

  stop(status: number, detail: I32): void {
    this.code.store("i32", this.code.get(this.#frame.context), detail, CONTEXT.stopDetail);
    this.#frame.leave(i64.const(this.#instruction.rip), i32.const(status));
  }

  leave(status: number): void {
    this.#frame.leave(this.nextRip(), i32.const(status));
  }

  branch(condition: I32 | undefined): void {
    const target = this.#next + this.#instruction.decoded.immediate;
    if (condition === undefined) {
      this.#frame.jump(target);
      return;
    }
    this.code.if(condition, () => this.#frame.jump(target));
    this.#frame.jump(this.#next);
  }

  branchIndirect(target: I64): void {
    this.#frame.leave(target, i32.const(0));
  }

  nextRip(): I64 {
    return i64.const(this.#next);
  }
}

export function storeFlagLocals({ code, context, flags }: Pick<RegionFrame, "code" | "context" | "flags">): void {
  code.store("i32", code.get(context), code.get(flags.operation), CONTEXT.flagOperation);
  code.store("i64", code.get(context), code.get(flags.result), CONTEXT.flagResult);
  code.store("i64", code.get(context), code.get(flags.source), CONTEXT.flagSource);
}
