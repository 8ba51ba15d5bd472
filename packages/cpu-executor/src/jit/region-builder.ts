import {
  type Expression,
  type F64,
  type FunctionBuilder,
  type FunctionReference,
  f32,
  f64,
  type I32,
  type I64,
  i32,
  i64,
  type Local,
  load,
} from "@likex/wasm-emitter";
import { BASE_RIP } from "@likex/x86-decoder";
import { CONTEXT, FPU, SEGMENT, SEGMENT_SLOT, TLB } from "../context.ts";
import type { PatchedField } from "../patched-fields.ts";
import { segmentOffset } from "../predecode.ts";
import type { Typed } from "../routines/operations.ts";
import {
  type ArithmeticFlags,
  type Fact,
  type FlagFunctions,
  flagOperation,
  type KnownFlags,
  type Probe,
  type ScalarType,
  type SegmentAccess,
  SemanticsBuilder,
  type SeveralElements,
  type Shape,
  type Slot,
} from "../semantics/builder.ts";
import { entryOf, hostOf, LeavingAccess, type LocalPool } from "../semantics/memory-access.ts";
import { MemoryPlace, type Place } from "../semantics/place.ts";
import { type Bits, type Value, type Width, widthOf } from "../semantics/width.ts";
import { type FlagLocals, flagValue } from "./flag-locals.ts";
import type { RegionInstruction, RegisterOperand } from "./instruction.ts";
import type { RegionBase } from "./region.ts";
import type { RegisterLocals } from "./register-locals.ts";
import { writeX87 } from "./x87-quick.ts";

/** What the instructions of a region share. */
export interface RegionFrame {
  readonly code: FunctionBuilder;
  readonly context: Local<"i32">;
  readonly page: RegionBase;
  readonly registers: RegisterLocals;
  readonly flags: FlagLocals;
  readonly tlb: Local<"i32">;
  readonly tlbMask: Local<"i32">;
  readonly pool: LocalPool;
  /** What the budget allows a repetition to do besides what it counts for, and its accounting. */
  readonly furtherElements: Pick<SeveralElements, "further" | "count">;
  /** A function of the second module. */
  readonly routine: (name: string) => FunctionReference;
  /** Leaves the region where the condition holds, for the interpreter to carry out the instruction. */
  readonly leaveIf: (condition: I32) => void;
  readonly leave: () => void;
  /** Goes on at a position, which the region need not have. */
  readonly goTo: (position: number) => void;
  readonly goToRip: (rip: I64) => void;
}

const LOCAL_GET = 0x20;

const isCheckedSegment = (segment: number): boolean => segment >= SEGMENT.fs || segment === SEGMENT.cs;

/** The compiler's back end: one instruction of a region. Operands are constants of the code, registers and flags are locals. */
export class RegionBuilder extends SemanticsBuilder {
  readonly code: FunctionBuilder;
  readonly shape: Shape;
  protected readonly flagFunctions: FlagFunctions;
  readonly #frame: RegionFrame;
  readonly #instruction: RegionInstruction;
  readonly #memory: LeavingAccess;
  readonly #isCarryDead: boolean;

  /** `isCarryDead`: nobody sees the carry that INC or DEC keep (kept-carry.ts). */
  constructor(
    frame: RegionFrame,
    instruction: RegionInstruction,
    { known, isCarryDead }: { readonly known: KnownFlags | undefined; readonly isCarryDead: boolean },
  ) {
    super();
    this.#isCarryDead = isCarryDead;
    this.code = frame.code;
    this.shape = instruction.selection.shape;
    this.flagFunctions = frame.flags.functions;
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
  override let<T extends ScalarType>(value: Expression<T>): Expression<T> {
    const { immediate } = value;
    if (value.opcode !== LOCAL_GET || immediate.kind !== "index" || !this.#frame.registers.has(immediate.value))
      return super.let(value);
    const local = this.temporary(value.type);
    this.code.set(local, value);
    return this.code.get(local);
  }

  temporary<T extends ScalarType>(type: T): Local<T> {
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

  /**
   * What is known of the flags outlives the instruction's temporaries: it is in locals of its own, where bytes and words are compared
   * as the 64 bits to which they are sign-extended.
   */
  override setFlags(kind: ArithmeticFlags["kind"], result: Value, source: Value, first?: Value): void {
    const { flags } = this.#frame;
    const { bits } = this.width;
    const operation = i32.const(flagOperation(kind, bits));
    const width = bits < 32 ? widthOf(64) : this.width;
    const kept = (local: Local<"i64">): Value => width.from64(this.code.get(local));
    const known = { kind, width, result: kept(flags.result), source: kept(flags.source) };
    if (kind === "inc" || kind === "dec") {
      const carry = flags.keepsCarry ? flags.carryBehind(this.knownFlags) : i32.wrap(this.code.get(flags.source));
      if (flags.keepsCarry) flags.setButCarry(operation, flagValue(this.width, result));
      else flags.set(operation, flagValue(this.width, result), i64.extendU(source as I32));
      this.knownFlags = { ...known, carry };
      return;
    }
    flags.set(operation, flagValue(this.width, result), kind === "logic" ? undefined : flagValue(this.width, source));
    if (first !== undefined) this.code.set(flags.first, flagValue(this.width, first));
    this.knownFlags = first === undefined ? known : { ...known, first: kept(flags.first) };
  }

  override keptCarry(): I32 {
    return this.#isCarryDead || this.#frame.flags.keepsCarry ? i32.const(0) : super.keptCarry();
  }

  protected override storeFlags(operation: I32, result: I64 | undefined, source: I64 | undefined): void {
    this.#frame.flags.set(operation, result, source);
  }

  readRegister(index: number, bits: Bits, high = 0): Value {
    const whole = this.code.get(this.#frame.registers.of(index));
    return widthOf(bits).from64(high === 0 ? whole : i64.shrU(whole, i64.const(8)));
  }

  writeRegister(index: number, bits: Bits, value: Value, high = 0): void {
    const local = this.#frame.registers.of(index);
    this.#frame.registers.noteWritten(index);
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
    const loaded = this.#patched("immediate");
    if (loaded !== undefined)
      return bits === 64 ? this.let(i64.extendS(loaded)) : this.let(widthOf(bits).from32(loaded));
    if (wide) return i64.const((BigInt(immediateHigh) << 32n) | BigInt(immediate >>> 0));
    return bits === 64 ? i64.const(immediate) : widthOf(bits).from32(i32.const(immediate));
  }

  /** A field that the guest patches, as it is now: whatever writes it does so outside regions. */
  #patched(kind: PatchedField["kind"]): I32 | undefined {
    const { patched } = this.#instruction;
    return patched?.kind === kind ? load.i32(i32.const(0), patched.at) : undefined;
  }

  /** The comparison's operands stay in locals of their own, so that a branch behind it compares them again. */
  override setOrderedFlags(x: Expression<"f32" | "f64">, y: Expression<"f32" | "f64">): void {
    super.setOrderedFlags(x, y);
    const { code } = this;
    const [first, second] = this.#frame.registers.compared(x.type);
    const { lt, eq, le } = x.type === "f64" ? f64 : (f32 as unknown as typeof f64);
    code.set(first, x);
    code.set(second, y);
    const [a, b] = [code.get(first) as F64, code.get(second) as F64];
    this.knownFlags = { kind: "ordered", below: lt(a, b), equal: eq(a, b), belowOrEqual: le(a, b) };
  }

  vectorSlot(slot: Slot): Place {
    return this.#frame.registers.vector(this.#operand(slot).number);
  }

  vectorRegister(number: number): Place {
    return this.#frame.registers.vector(number);
  }

  /** MMX registers are x87's by physical number: a region has one of the two. */
  mmxSlot(slot: Slot): Place {
    if (this.#frame.registers.x87.isUsed) this.#frame.leave();
    const offset = FPU.registers + this.#operand(slot).number * 16;
    const address = (): I32 => i32.add(this.contextAddress(), i32.const(offset));
    return new MemoryPlace(this.code, this.contextAddress(), offset, address);
  }

  guestBytes(access: "read" | "write", linear: I64, bytes: number): I32 {
    const at = entryOf(this, TLB[access], bytes, linear);
    this.#frame.leaveIf(at.miss);
    return this.let(hostOf(at));
  }

  commitBytes(): void {}

  isBuffer(): I32 {
    return i32.const(0);
  }

  slotNumber(slot: Slot): I32 {
    return i32.const(this.#operand(slot).number);
  }

  override setX87Instruction(): void {
    this.#frame.registers.x87.setInstruction(this.instructionPointer());
  }

  override setRelationFlags(relation: I32): void {
    super.setRelationFlags(relation);
    const local = this.#frame.registers.relation;
    this.code.set(local, relation);
    const is = (value: number): I32 => i32.eq(this.code.get(local), i32.const(value));
    this.knownFlags = { kind: "ordered", below: is(1), equal: is(2), belowOrEqual: i32.eqz(is(4)) };
  }

  routine(name: string): FunctionReference {
    return this.#frame.routine(name);
  }

  get leavesRareCases(): boolean {
    return true;
  }

  quickX87(name: string, args: readonly Typed[]): I32 {
    const { registers, leaveIf, routine } = this.#frame;
    return writeX87({ b: this, stack: registers.x87, leaveIf, routine }, name, args);
  }

  usually(write: (giveUpIf: (condition: I32) => void) => void): void {
    write(this.#frame.leaveIf);
  }

  once(fact: Fact, write: () => void): void {
    const { facts } = this.#frame.registers;
    if (!facts.has(fact)) write();
    facts.add(fact);
  }

  isKnown(fact: Fact): boolean {
    return this.#frame.registers.facts.has(fact);
  }

  forget(fact: Fact): void {
    this.#frame.registers.facts.delete(fact);
  }

  x87Opcode(): I32 {
    return this.#notCompiled();
  }

  attempt(): void {
    this.#notCompiled();
  }

  get severalElements(): SeveralElements {
    const { segment: source } = this.#instruction.decoded;
    return {
      rest: "elsewhere",
      ...this.#frame.furtherElements,
      segment: (of) => this.#segmentOf(of === "source" ? source : SEGMENT.es),
    };
  }

  /** As #linear says of accesses, segments but CS, FS and GS are flat. */
  #segmentOf(segment: number): { readonly base: I64; readonly end: I64 } {
    if (!isCheckedSegment(segment)) return { base: i64.const(0), end: i64.const(-1) };
    const at = segmentOffset(segment, this.#frame.page.bits);
    return { base: load.i64(this.contextAddress(), at), end: load.i64(this.contextAddress(), at + 8) };
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

  outsideBase(): I64 {
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
    const loaded = this.#patched("displacement");
    let displacement = loaded === undefined ? (BigInt(d.displacementHigh) << 32n) | BigInt(d.displacement >>> 0) : 0n;
    if (d.base === BASE_RIP) displacement += this.#frame.page.rip + BigInt(this.#instruction.end);
    // POP computes its address after the stack pointer has moved (SDM Vol 2, POP).
    if (this.#instruction.selection.popsToMemory && d.base === 4) displacement += BigInt(this.shape.bits / 8);
    let sum: I64 = i64.const(BigInt.asIntN(64, displacement));
    if (loaded !== undefined) sum = i64.add(i64.extendS(loaded), sum);
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
    return this.#linear(segmentOffset(segment, this.#frame.page.bits), isCheckedSegment(segment), offset, bytes);
  }

  segmentLinear(slot: number, offset: I64, bytes: number): I64 {
    return this.#linear(
      CONTEXT.segments + slot * 16,
      slot === SEGMENT_SLOT.fs64 || slot === SEGMENT_SLOT.gs64,
      offset,
      bytes,
    );
  }

  /**
   * CODE_MODE promises that DS, ES and SS can be written from 0 on and cover everything; an access across their end misses the soft
   * TLB. CS covers everything, but cannot be written, nor read if it is for execution only.
   */
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
