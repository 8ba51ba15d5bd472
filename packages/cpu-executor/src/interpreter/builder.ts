import {
  type FunctionBuilder,
  type FunctionReference,
  type I32,
  type I64,
  i32,
  i64,
  type Local,
  load,
  select,
} from "@likex/wasm-emitter";
import { CONTEXT, FPU, SEGMENT_SLOT, TLB } from "../context.ts";
import { BLOCK, RECORD } from "../record.ts";
import type { Routines } from "../routines/compile.ts";
import type { Typed } from "../routines/operations.ts";
import {
  type Attempt,
  type Fact,
  type FlagFunctions,
  type Probe,
  type ScalarType,
  type SegmentAccess,
  SemanticsBuilder,
  type SeveralElements,
  type Shape,
  type Slot,
} from "../semantics/builder.ts";
import {
  CallingAccess,
  entryOf,
  hostOf,
  LeavingAccess,
  type LocalPool,
  type MemoryAccess,
  type SlowPath,
} from "../semantics/memory-access.ts";
import { MemoryPlace, type Place } from "../semantics/place.ts";
import { type Bits, type Value, type Width, widthOf } from "../semantics/width.ts";
import { SEGMENT_CHECK } from "../status.ts";

/** How a function of the interpreter ends an instruction. */
export interface Exits {
  /** The instruction did not happen; CONTEXT.stopDetail is set. */
  readonly stop: (status: I32) => void;
  /** Runs the block whose address is given. */
  readonly enter: (block: I32) => void;
  /** Continues at an instruction pointer; `linkSite` is where a link to its block may be kept, or 0. */
  readonly jump: (rip: I64, linkSite: I32) => void;
  /** The instruction has happened; continues behind it after the caller has seen the status. */
  readonly leave: (status: number) => void;
}

/**
 * What an instruction does where its fast path ends, at a soft TLB without the page or an access that a segment's end does
 * not cover: calls the slow path, or leaves with nothing changed, for the whole instruction to be repeated by a
 * function that calls.
 */
export type SlowCases =
  | { readonly kind: "call"; readonly slow: SlowPath; readonly elements: "one" | "several" }
  | { readonly kind: "leave"; readonly leaveIf: (condition: I32) => void };

export interface InterpreterFrame {
  readonly code: FunctionBuilder;
  readonly context: Local<"i32">;
  readonly record: Local<"i32">;
  readonly block: Local<"i32">;
  readonly pool: LocalPool;
  readonly flagFunctions: FlagFunctions;
  readonly slowCases: SlowCases;
  readonly exits: Exits;
  /** src/routines: those of the second module. */
  readonly routines: Routines;
}

interface AccessKind {
  readonly bytes: number;
  readonly access: SegmentAccess;
  /** Bytes that the linear address must be a multiple of. */
  readonly alignment: number;
}

/** The interpreter's back end: operands come from a pre-decoded record, registers live in the context. */
export class InterpreterBuilder extends SemanticsBuilder {
  readonly code: FunctionBuilder;
  readonly shape: Shape;
  protected readonly flagFunctions: FlagFunctions;
  protected readonly frame: InterpreterFrame;
  readonly #memory: MemoryAccess;
  /** Bytes from the record that was dispatched to the one of this instruction: not 0 in the second half of a fused pair. */
  protected readonly at: number;

  constructor(frame: InterpreterFrame, shape: Shape, previous?: InterpreterBuilder) {
    super();
    this.code = frame.code;
    this.shape = shape;
    this.flagFunctions = frame.flagFunctions;
    this.frame = frame;
    const { slowCases } = frame;
    this.#memory =
      slowCases.kind === "leave"
        ? new LeavingAccess(this, slowCases.leaveIf)
        : new CallingAccess(this, slowCases.slow, frame.exits.stop);
    this.at = previous === undefined ? 0 : RECORD.size;
    if (previous !== undefined) this.knownFlags = previous.knownFlags;
  }

  temporary<T extends ScalarType>(type: T): Local<T> {
    return this.frame.pool.take(type);
  }

  contextLoad(offset: number, bits: Bits): Value {
    return widthOf(bits).load(this.#context(), offset);
  }

  contextStore(offset: number, bits: Bits, value: Value): void {
    this.code.store(widthOf(bits).store, this.#context(), value, offset);
  }

  readRegister(index: number, bits: Bits, high = 0): Value {
    return widthOf(bits).load(this.#context(), CONTEXT.gpr + index * 8 + high);
  }

  writeRegister(index: number, bits: Bits, value: Value, high = 0): void {
    this.#storeRegister(this.#context(), CONTEXT.gpr + index * 8 + high, bits, value);
  }

  protected readSlot(slot: Slot, bits: Bits): Value {
    return widthOf(bits).load(this.#slotAddress(slot));
  }

  protected writeSlot(slot: Slot, bits: Bits, value: Value): void {
    this.#storeRegister(this.#slotAddress(slot), 0, bits, value);
  }

  protected readImmediate(bits: Bits, wide: boolean): Value {
    if (wide) return load.i64(this.#record(), this.at + RECORD.immediate64);
    const value = load.i32(this.#record(), this.at + RECORD.immediate);
    return bits === 64 ? i64.extendS(value) : widthOf(bits).from32(value);
  }

  contextAddress(): I32 {
    return this.#context();
  }

  vectorSlot(slot: Slot): Place {
    return this.placeAt(this.#slotAddress(slot));
  }

  mmxSlot(slot: Slot): Place {
    return this.placeAt(this.#slotAddress(slot));
  }

  vectorRegister(number: number): Place {
    return this.placeAt(i32.add(this.#context(), i32.const(FPU.vectors + number * 32)));
  }

  /** Where the soft TLB has the bytes, else where the slow routine puts them; stops when that fails. */
  guestBytes(access: "read" | "write", linear: I64, bytes: number): I32 {
    const at = entryOf(this, TLB[access], bytes, linear);
    const address = this.temporary("i32");
    const slow = this.routine(access === "read" ? "memory_read_slow" : "memory_probe_slow");
    this.code.if(
      at.miss,
      () => {
        this.code.set(address, this.code.call("i32", slow, this.#context(), linear, i32.const(bytes)));
        const failed = i32.eqz(this.code.get(address));
        this.code.if(failed, () => this.fail(load.i32(this.#context(), FPU.accessStatus)));
      },
      () => this.code.set(address, hostOf(at)),
    );
    return this.code.get(address);
  }

  commitBytes(linear: I64, bytes: number, address: I32): void {
    const commit = this.routine("memory_commit");
    const status = this.let(this.code.call("i32", commit, this.#context(), linear, i32.const(bytes), address));
    this.code.if(status, () => this.fail(status));
  }

  isBuffer(address: I32): I32 {
    return i32.eq(address, i32.add(this.#context(), i32.const(FPU.buffer)));
  }

  slotNumber(slot: Slot): I32 {
    return load.u16(this.#record(), this.at + REGISTER_FIELDS[slot]);
  }

  routine(name: string): FunctionReference {
    const found = this.frame.routines.functions.get(name);
    if (found === undefined) throw new RangeError(`${this.shape.mnemonic}: no routine ${name} in this module`);
    return found;
  }

  get leavesRareCases(): boolean {
    return false;
  }

  quickX87(name: string, args: readonly Typed[]): I32 {
    if (!INLINE.has(name)) return this.code.call("i32", this.routine(name), this.#context(), ...args);
    return this.frame.routines.insert(this.code, name, [this.#context(), ...args]) as I32;
  }

  usually(write: (giveUpIf: (condition: I32) => void) => void, otherwise: () => void): void {
    this.code.block((done) => {
      this.code.block((rare) => {
        write((condition) => this.code.brIf(rare, condition));
        this.code.br(done);
      });
      otherwise();
    });
  }

  once(_fact: Fact, write: () => void): void {
    write();
  }

  isKnown(): boolean {
    return false;
  }

  forget(): void {}

  instructionPointer(): I64 {
    const first = (): I64 => load.i64(this.code.get(this.frame.block), BLOCK.rip);
    const low = load.i32(this.#record(), this.at + RECORD.ripLow);
    return i64.add(first(), i64.extendU(i32.sub(low, i32.wrap(first()))));
  }

  x87Opcode(): I32 {
    return load.u16(this.#record(), this.at + RECORD.x87Opcode);
  }

  fail(status: I32): void {
    this.frame.exits.stop(status);
  }

  effectiveAddress(): I64 {
    const register = (field: number): I64 =>
      load.i64(i32.add(this.#context(), load.u16(this.#record(), this.at + field)));
    const scale = i64.extendU(load.u8(this.#record(), this.at + RECORD.scale));
    const displacement = load.i64(this.#record(), this.at + RECORD.displacement);
    const sum = i64.add(i64.add(register(RECORD.base), displacement), i64.shl(register(RECORD.indexRegister), scale));
    return this.let(this.addressTruncate(sum));
  }

  addressTruncate(value: I64): I64 {
    const shift = i64.extendU(load.u8(this.#record(), this.at + RECORD.addressShift));
    const kept = this.let(shift);
    return i64.shrU(i64.shl(value, kept), kept);
  }

  writeAddressRegister(index: number, value: I64): void {
    const shift = load.u8(this.#record(), this.at + RECORD.addressShift);
    const keep = select(i32.eq(shift, i32.const(48)), i64.const(~0xffffn), i64.const(0));
    const old = i64.and(this.readRegister(index, 64) as I64, keep);
    this.writeRegister(index, 64, i64.or(old, this.addressTruncate(value)));
  }

  operandLinear(offset: I64, bytes: number, access: SegmentAccess = "read", alignment = 1): I64 {
    const slot = this.let(load.u16(this.#record(), this.at + RECORD.segment));
    const segment = this.let(i32.add(this.#context(), slot));
    return this.#linear(segment, 0, slot, offset, { bytes, access, alignment });
  }

  segmentLinear(slot: number, offset: I64, bytes: number, access: SegmentAccess = "read"): I64 {
    const at = CONTEXT.segments + slot * 16;
    return this.#linear(this.#context(), at, i32.const(at), offset, { bytes, access, alignment: 1 });
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

  attempt(write: (attempt: Attempt) => void): void {
    this.code.block((otherwise) => {
      const giveUpIf = (condition: I32): void => this.code.brIf(otherwise, condition);
      write({ memory: new LeavingAccess(this, giveUpIf), giveUpIf });
    });
  }

  get severalElements(): SeveralElements | undefined {
    const { slowCases } = this.frame;
    if (slowCases.kind === "leave" || slowCases.elements === "one") return undefined;
    const at = this.#context();
    const segments = {
      source: i32.add(at, load.u16(this.#record(), this.at + RECORD.segment)),
      destination: i32.add(at, i32.const(CONTEXT.segments + SEGMENT_SLOT.destination * 16)),
    };
    return {
      rest: "again",
      further: load.i32(at, CONTEXT.budget),
      count: (further) => this.code.store("i32", at, i32.sub(load.i32(at, CONTEXT.budget), further), CONTEXT.budget),
      segment: (of) => ({ base: load.i64(segments[of]), end: load.i64(segments[of], 8) }),
    };
  }

  outsideOperandSize(): I32 {
    return load.u8(this.#record(), this.at + RECORD.register0 + 1);
  }

  outsideImmediate(): I32 {
    return load.i32(this.#record(), this.at + RECORD.immediate);
  }

  outsideReg(): I32 {
    return load.u8(this.#record(), this.at + RECORD.register0);
  }

  outsideRm(): I32 {
    return load.u16(this.#record(), this.at + RECORD.register1);
  }

  outsideBase(): I64 {
    return load.i64(i32.add(this.#context(), load.u16(this.#record(), this.at + RECORD.segment)));
  }

  stop(status: number, detail: I32): void {
    this.code.store("i32", this.#context(), detail, CONTEXT.stopDetail);
    this.frame.exits.stop(i32.const(status));
  }

  leave(status: number): void {
    this.frame.exits.leave(status);
  }

  branch(condition: I32 | undefined): void {
    const record = this.#record();
    const taken = (): void => this.follow(RECORD.taken, load.i64(record, this.at + RECORD.target));
    if (condition !== undefined && condition.immediate.kind === "i32") {
      if (condition.immediate.value === 0) this.follow(RECORD.notTaken, this.nextRip());
      else taken();
      return;
    }
    if (condition === undefined) {
      taken();
      return;
    }
    this.code.if(condition, taken, () => this.follow(RECORD.notTaken, this.nextRip()));
  }

  branchIndirect(target: I64): void {
    this.frame.exits.jump(target, i32.const(0));
  }

  /** An invalid target is in no jump cache: the processor finds it and takes the branch back. */
  checkTarget(): void {}

  tlbAddress(): I32 {
    return load.i32(this.#context(), CONTEXT.tlb);
  }

  tlbMask(): I32 {
    return load.i32(this.#context(), CONTEXT.tlbMask);
  }

  nextRip(): I64 {
    return load.i64(this.code.get(this.frame.block), BLOCK.end);
  }

  /** Enters the linked block, or looks the target up and lets it be linked. */
  protected follow(link: number, rip: I64): void {
    const linked = this.temporary("i32");
    this.code.set(linked, load.i32(this.#record(), this.at + link));
    this.code.if(this.code.get(linked), () => this.frame.exits.enter(this.code.get(linked)));
    this.frame.exits.jump(rip, i32.add(this.#record(), i32.const(this.at + link)));
  }

  #linear(segment: I32, at: number, slot: I32, offset: I64, kind: AccessKind): I64 {
    const kept = this.let(offset);
    const last = kind.bytes === 1 ? kept : i64.add(kept, i64.const(kind.bytes - 1));
    const linear = this.temporary("i64");
    this.code.set(linear, i64.add(kept, load.i64(segment, at)));
    const beyond = i64.geU(last, load.i64(segment, at + 8));
    const { slowCases } = this.frame;
    if (slowCases.kind === "leave") slowCases.leaveIf(beyond);
    else this.code.if(beyond, () => this.#checkSegment(slowCases.slow, slot, kept, kind, linear));
    return this.code.get(linear);
  }

  #checkSegment(slow: SlowPath, slot: I32, offset: I64, kind: AccessKind, linear: Local<"i64">): void {
    const access = kind.access === "read" ? 0 : SEGMENT_CHECK[kind.access];
    const bits = kind.bytes | access | (Math.log2(kind.alignment) << SEGMENT_CHECK.alignmentShift);
    const status = this.temporary("i32");
    const what = i32.or(i32.shl(slot, i32.const(SEGMENT_CHECK.slotShift)), i32.const(bits));
    const half = i32.wrap(i64.shrU(offset, i64.const(32)));
    this.code.set(status, this.code.call("i32", slow.segment, this.#context(), what, i32.wrap(offset), half));
    this.code.if(this.code.get(status), () => this.frame.exits.stop(this.code.get(status)));
    this.code.set(linear, load.i64(this.#context(), CONTEXT.linear));
  }

  #storeRegister(base: I32, offset: number, bits: Bits, value: Value): void {
    if (bits === 32) this.code.store("i64", base, i64.extendU(value as I32), offset);
    else this.code.store(widthOf(bits).store, base, value, offset);
  }

  protected placeAt(address: I32): Place {
    return new MemoryPlace(this.code, this.let(address));
  }

  #context(): I32 {
    return this.code.get(this.frame.context);
  }

  #record(): I32 {
    return this.code.get(this.frame.record);
  }

  #slotAddress(slot: Slot): I32 {
    return i32.add(this.#context(), load.u16(this.#record(), this.at + REGISTER_FIELDS[slot]));
  }
}

/** Quick routines that are written into their handlers: a call costs as much as they do. */
const INLINE: ReadonlySet<string> = new Set(
  ["load_st", "store_st", "exchange", "sign"].map((name) => `x87_quick_${name}`),
);

const REGISTER_FIELDS = [RECORD.register0, RECORD.register1, RECORD.register2] as const;
