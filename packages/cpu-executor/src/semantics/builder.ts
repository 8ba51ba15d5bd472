import type { Expression, FunctionBuilder, FunctionReference, I32, I64, Local } from "@likex/wasm-emitter";
import { f32, f64, i32, i64 } from "@likex/wasm-emitter";
import { CONTEXT, FPU, RFLAGS, SEGMENT_SLOT } from "../context.ts";
import { CONDITIONS, type Condition, FLAG_KIND, type FlagKind } from "../flags.ts";
import type { Typed } from "../routines/operations.ts";
import { STATUS } from "../status.ts";
import type { MemoryAccess } from "./memory-access.ts";
import type { Place } from "./place.ts";
import { type Bits, type Value, type Width, widthOf } from "./width.ts";

/** Types of values that instructions keep in locals. */
export type ScalarType = "i32" | "i64" | "f32" | "f64" | "v128";

/** Number of a record's register field. */
export type Slot = 0 | 1 | 2;

/**
 * Where an operand is found. `slot` tells the register fields of a record apart. Vector and MMX registers, and memory
 * operands with `bytes`, are reached by address (vector-access.ts).
 */
export type Operand =
  | { readonly kind: "register"; readonly bits: Bits; readonly slot: Slot }
  | { readonly kind: "vector"; readonly bits: 64; readonly slot: Slot }
  | { readonly kind: "mmx"; readonly bits: 64; readonly slot: Slot }
  | { readonly kind: "stack"; readonly bits: 64; readonly slot: Slot }
  | { readonly kind: "stackTop"; readonly bits: 64 }
  | { readonly kind: "fixed"; readonly bits: Bits; readonly register: number; readonly high: number }
  | { readonly kind: "memory"; readonly bits: Bits; readonly bytes?: number }
  | { readonly kind: "immediate"; readonly bits: Bits; readonly wide: boolean }
  | { readonly kind: "constant"; readonly bits: Bits; readonly value: number };

/** What a segment is asked to allow; "read" where nothing is said. What may be written may be read. */
export type SegmentAccess = "read" | "write" | "flush";

/** One specialisation of an instruction: what the builder is asked to write. */
export interface Shape {
  readonly mnemonic: string;
  readonly bits: Bits;
  readonly operands: readonly Operand[];
  readonly repeat: "none" | "rep" | "repne";
}

/** An address that a write has been probed for: nothing can fail after the probe. */
export interface Probe {
  readonly linear: I64;
  readonly host: Local<"i32">;
}

/** What is checked once: that SSE or x87 instructions may run, that MXCSR or the control word are the usual ones, that PE is set. */
export type Fact = "sse" | "mxcsr" | "sticky" | "x87" | "x87Control" | "x87Masked";

/** A common case: memory that is in the soft TLB, and conditions under which it is none. */
export interface Attempt {
  readonly memory: MemoryAccess;
  readonly giveUpIf: (condition: I32) => void;
}

/** What is known about the flags while code is written: what the last flag-setting instruction left, or nothing. */
export type KnownFlags = ArithmeticFlags | ComparisonFlags;

/** A comparison of two numbers that are ordered: of CF, ZF and PF. The others are 0. */
export interface ComparisonFlags {
  readonly kind: "ordered";
  readonly below: I32;
  readonly equal: I32;
  readonly belowOrEqual: I32;
}

export interface ArithmeticFlags {
  readonly kind: Exclude<FlagKind, "explicit">;
  readonly width: Width;
  readonly result: Value;
  readonly source: Value;
  /** First operand of add and sub, when it is still at hand. */
  readonly first?: Value;
  /** With inc and dec: CF, where it is at hand. */
  readonly carry?: I32 | undefined;
}

const LOG2_BYTES: Readonly<Record<Bits, number>> = { 8: 0, 16: 1, 32: 2, 64: 3 };

export const flagOperation = (kind: FlagKind, bits: Bits): number => FLAG_KIND[kind] * 4 + LOG2_BYTES[bits];

/** CF, where it follows easily. */
export function carryOf(known: KnownFlags): I32 | undefined {
  if (known.kind === "ordered") return known.below;
  if (known.kind === "logic") return i32.const(0);
  if (known.kind === "add") return known.width.ltU(known.result, known.source);
  if (known.kind === "sub" && known.first !== undefined) return known.width.ltU(known.first, known.source);
  return known.carry;
}

/** Functions of the flags in the context that every back end can call. */
export interface FlagFunctions {
  readonly carry: (code: FunctionBuilder) => I32;
  /** All six arithmetic flags at their RFLAGS positions. */
  readonly all: (code: FunctionBuilder) => I32;
  /** A condition with an even number; the odd one is its negation. */
  readonly condition: (code: FunctionBuilder, condition: number) => I32;
}

/** What lets one execution of a repeated string instruction do several elements. */
export interface SeveralElements {
  /** What is left is done in further executions, or the whole instruction elsewhere when one cannot do it all. */
  readonly rest: "again" | "elsewhere";
  /** How many it may do besides the first. */
  readonly further: I32;
  /** It has done so many besides the first. */
  readonly count: (further: I32) => void;
  /** Linear base of the source's or the destination's segment, and the first offset that needs a look. */
  readonly segment: (of: "source" | "destination") => { readonly base: I64; readonly end: I64 };
}

/**
 * The typed builder that instruction semantics are written against. A back end says where registers, immediates, memory
 * and control flow live; everything else, the flags above all, is here.
 */
export abstract class SemanticsBuilder {
  abstract readonly code: FunctionBuilder;
  abstract readonly shape: Shape;
  /** Known flags, for back ends that see more than one instruction at a time. */
  protected knownFlags: KnownFlags | undefined;

  get width(): Width {
    return widthOf(this.shape.bits);
  }

  operand(position: number): Operand {
    const operand = this.shape.operands[position];
    if (operand === undefined) throw new RangeError(`${this.shape.mnemonic} has no operand ${position}`);
    return operand;
  }

  widthOfOperand(position: number): Width {
    return widthOf(this.operand(position).bits);
  }

  /** Context address, for fields that have no accessor. */
  abstract contextLoad(offset: number, bits: Bits): Value;
  abstract contextStore(offset: number, bits: Bits, value: Value): void;
  abstract readRegister(index: number, bits: Bits, high?: number): Value;
  abstract writeRegister(index: number, bits: Bits, value: Value, high?: number): void;
  protected abstract readSlot(slot: Slot, bits: Bits): Value;
  protected abstract writeSlot(slot: Slot, bits: Bits, value: Value): void;
  /** Address of the context, for routines. */
  abstract contextAddress(): I32;
  /** A vector register operand, and the register with a number. */
  abstract vectorSlot(slot: Slot): Place;
  abstract vectorRegister(number: number): Place;
  abstract mmxSlot(slot: Slot): Place;
  /**
   * Address at which `bytes` bytes of guest memory at a linear address are, by the soft TLB's tag for reading or writing. Where
   * the soft TLB does not have them: the buffer in which they are instead, for `commit` to write.
   */
  abstract guestBytes(access: "read" | "write", linear: I64, bytes: number): I32;
  abstract commitBytes(linear: I64, bytes: number, address: I32): void;
  /** Whether an address that guestBytes gave is the buffer. */
  abstract isBuffer(address: I32): I32;
  /** Number of an x87 stack register operand, 0..7. */
  abstract slotNumber(slot: Slot): I32;
  /** A function of src/routines. */
  abstract routine(name: string): FunctionReference;
  /** Rare cases are left to other code, with nothing changed: only the common ones are written. */
  abstract readonly leavesRareCases: boolean;
  /** The last x87 instruction is this one (SDM Vol 1, 8.1.8). */
  setX87Instruction(): void {
    this.contextStore(FPU.instruction, 64, this.instructionPointer());
  }

  /** The flags of FCOMI and its like, of operands that are ordered: 1 below, 2 equal, 4 above. */
  setRelationFlags(relation: I32): void {
    const equal = i32.shl(i32.eq(relation, i32.const(2)), i32.const(Math.log2(RFLAGS.zf)));
    this.setExplicitFlags(i32.or(i32.eq(relation, i32.const(1)), equal));
  }

  /** The quick routine of an x87 instruction, behind the context with these arguments: what it gives. */
  abstract quickX87(name: string, args: readonly Typed[]): I32;
  /** Writes a common case; where it gives up nothing has changed, and `otherwise` carries the instruction out. */
  abstract usually(write: (giveUpIf: (condition: I32) => void) => void, otherwise: () => void): void;
  /** Writes a check whose outcome no instruction of straight code changes but by `forget`: a back end may leave repetitions out. */
  abstract once(fact: Fact, write: () => void): void;
  abstract isKnown(fact: Fact): boolean;
  abstract forget(fact: Fact): void;
  /** This instruction's own instruction pointer. */
  abstract instructionPointer(): I64;
  /** Low three bits of the opcode's first byte and the ModRM byte: what x87 keeps as the last opcode (SDM Vol 1, 8.1.9). */
  abstract x87Opcode(): I32;
  /** Ends the instruction without its effects, with a status whose details are set. */
  abstract fail(status: I32): void;
  protected abstract readImmediate(bits: Bits, wide: boolean): Value;
  /** Offset of the memory operand in its segment, truncated to the address size. */
  abstract effectiveAddress(): I64;
  /** Linear address of `bytes` bytes at an offset in the memory operand's segment; stops the instruction where the segment forbids the access. */
  abstract operandLinear(offset: I64, bytes: number, access?: SegmentAccess, alignment?: number): I64;
  /** The same for a fixed segment slot. */
  abstract segmentLinear(slot: number, offset: I64, bytes: number, access?: SegmentAccess): I64;
  /** Reads guest memory; the result is in a local. */
  abstract load(width: Width, linear: I64): Value;
  abstract store(width: Width, linear: I64, value: Value): void;
  abstract probe(width: Width, linear: I64): Probe;
  abstract loadProbed(width: Width, probe: Probe): Value;
  abstract storeProbed(width: Width, probe: Probe, value: Value): void;
  /** Truncates to the address size (rCX, rSI, rDI of string and loop instructions). */
  abstract addressTruncate(value: I64): I64;
  /** Writes rCX, rSI or rDI at the address size: 16 bits leave the rest of the register, 32 bits clear its upper half. */
  abstract writeAddressRegister(index: number, value: I64): void;
  /**
   * Code for the common case of an instruction that is carried out outside: where `write` gives up nothing has changed, and what is
   * written next runs.
   */
  abstract attempt(write: (attempt: Attempt) => void): void;
  /** undefined: an execution of a repeated string instruction does one element. */
  abstract readonly severalElements: SeveralElements | undefined;
  /** Operand size in bits and immediate of an instruction that is carried out outside. */
  abstract outsideOperandSize(): I32;
  abstract outsideImmediate(): I32;
  /** Its ModRM.reg, and the number of the general register that ModRM.rm names. */
  abstract outsideReg(): I32;
  abstract outsideRm(): I32;
  /** Base of its memory operand's segment. */
  abstract outsideBase(): I64;
  /** Ends the instruction without its effects. */
  abstract stop(status: number, detail: I32): void;
  /** Ends the block at the static target; falls through when `condition` is given and false. */
  abstract branch(condition: I32 | undefined): void;
  abstract branchIndirect(target: I64): void;
  /**
   * Called before an instruction that ends with branchIndirect changes anything: a back end that cannot take the branch back
   * leaves here where the target is no valid instruction pointer.
   */
  abstract checkTarget(target: I64): void;
  /** Address of the soft TLB in use, and the mask of its entries' offsets. */
  abstract tlbAddress(): I32;
  abstract tlbMask(): I32;
  /** The instruction pointer behind this instruction, which must end its block. */
  abstract nextRip(): I64;
  /** The instruction has happened, and the block ends with a status. */
  abstract leave(status: number): void;
  protected abstract readonly flagFunctions: FlagFunctions;

  /** Keeps a value in a local, so that it is computed once. */
  let<T extends ScalarType>(value: Expression<T>): Expression<T> {
    if (value.opcode === 0x20 || value.immediate.kind === "i32" || value.immediate.kind === "i64") return value;
    const local = this.temporary(value.type);
    this.code.set(local, value);
    return this.code.get(local);
  }

  abstract temporary<T extends ScalarType>(type: T): Local<T>;

  read(position: number): Value {
    const operand = this.operand(position);
    switch (operand.kind) {
      case "register":
        return this.readSlot(operand.slot, operand.bits);
      case "fixed":
        return this.readRegister(operand.register, operand.bits, operand.high);
      case "immediate":
        return this.readImmediate(operand.bits, operand.wide);
      case "constant":
        return widthOf(operand.bits).const(operand.value);
      case "memory": {
        const width = widthOf(operand.bits);
        return this.load(width, this.operandLinear(this.effectiveAddress(), width.bytes));
      }
      default:
        throw new RangeError(`${this.shape.mnemonic}: operand ${position} is reached by address`);
    }
  }

  write(position: number, value: Value): void {
    const operand = this.operand(position);
    switch (operand.kind) {
      case "register":
        this.writeSlot(operand.slot, operand.bits, value);
        return;
      case "fixed":
        this.writeRegister(operand.register, operand.bits, value, operand.high);
        return;
      case "memory": {
        const width = widthOf(operand.bits);
        const kept = this.let(value);
        this.store(width, this.operandLinear(this.effectiveAddress(), width.bytes, "write"), kept);
        return;
      }
      default:
        throw new RangeError(`${this.shape.mnemonic}: operand ${position} is not written`);
    }
  }

  /** Reads an operand that will be written: memory is probed first. Returns the value and the way to write it. */
  modify(position: number): { readonly value: Value; readonly write: (value: Value) => void } {
    const operand = this.operand(position);
    if (operand.kind !== "memory") {
      return { value: this.let(this.read(position)), write: (value) => this.write(position, value) };
    }
    const width = widthOf(operand.bits);
    const probe = this.probe(width, this.operandLinear(this.effectiveAddress(), width.bytes, "write"));
    return { value: this.loadProbed(width, probe), write: (value) => this.storeProbed(width, probe, value) };
  }

  /** Leaves the flags of an arithmetic or logic result. Operands must be locals or constants. */
  setFlags(kind: Exclude<FlagKind, "explicit">, result: Value, source: Value, first?: Value): void {
    const width = this.width;
    this.knownFlags = { kind, width, result, source, ...(first === undefined ? {} : { first }) };
    const carriesSource = kind !== "logic";
    const keepsCarry = kind === "inc" || kind === "dec";
    this.storeFlags(
      i32.const(flagOperation(kind, width.bits)),
      width.signExtend64(result),
      carriesSource ? (keepsCarry ? i64.extendU(source as I32) : width.signExtend64(source)) : undefined,
    );
  }

  /** Sets all six arithmetic flags; `flags` has them at their RFLAGS positions, other bits are 0. */
  setExplicitFlags(flags: I32): void {
    // Computed before anything is stored: the value may come from the lazy flags that it replaces.
    const kept = this.let(flags);
    this.knownFlags = undefined;
    this.storeFlags(i32.const(flagOperation("explicit", 8)), undefined, i64.extendU(kept));
  }

  /** The flags of COMISD and its like, of operands that are ordered: CF, ZF and none else. */
  setOrderedFlags(x: Expression<"f32" | "f64">, y: Expression<"f32" | "f64">): void {
    const { lt, eq } = x.type === "f64" ? f64 : (f32 as unknown as typeof f64);
    const [a, c] = [x as Expression<"f64">, y as Expression<"f64">];
    this.setExplicitFlags(i32.or(lt(a, c), i32.shl(eq(a, c), i32.const(Math.log2(RFLAGS.zf)))));
  }

  protected storeFlags(operation: I32, result: I64 | undefined, source: I64 | undefined): void {
    this.contextStore(CONTEXT.flagOperation, 32, operation);
    if (result !== undefined) this.contextStore(CONTEXT.flagResult, 64, result);
    if (source !== undefined) this.contextStore(CONTEXT.flagSource, 64, source);
  }

  carry(): I32 {
    return (this.knownFlags && carryOf(this.knownFlags)) ?? this.flagFunctions.carry(this.code);
  }

  /** The carry that INC and DEC leave as it is, for setFlags: a back end that has its own way to keep it gives anything. */
  keptCarry(): I32 {
    return this.let(this.carry());
  }

  /** After code that sets flags on one of two paths, what was known no longer holds. */
  forgetFlags(): void {
    this.knownFlags = undefined;
  }

  /** All six arithmetic flags at their RFLAGS positions. */
  flags(): I32 {
    return this.flagFunctions.all(this.code);
  }

  /** 1 when the condition (0..15, as encoded in Jcc) holds. */
  condition(number: number): I32 {
    const even = this.#evenCondition(number & ~1);
    return (number & 1) === 0 ? even : i32.eqz(even);
  }

  #evenCondition(number: number): I32 {
    const known = this.knownFlags;
    const name = CONDITIONS[number] as Condition;
    if (known?.kind === "ordered") {
      if (name === "e") return known.equal;
      if (name === "b") return known.below;
      if (name === "be") return known.belowOrEqual;
      // Nothing but ZF, PF and CF can be set; LE is ZF then.
      return name === "le" ? known.equal : i32.const(0);
    }
    if (known !== undefined) {
      const { width, result, first, source, kind } = known;
      if (name === "e") return width.eqz(result);
      if (name === "s") return width.sign(result);
      if (kind === "sub" && first !== undefined) {
        if (name === "b") return width.ltU(first, source);
        if (name === "be") return width.leU(first, source);
        if (name === "l") return width.ltS(first, source);
        if (name === "le") return width.leS(first, source);
      }
      if (kind === "logic") {
        if (name === "b" || name === "o") return i32.const(0);
        if (name === "be") return width.eqz(result);
        if (name === "l") return width.sign(result);
        if (name === "le") return width.leS(result, width.const(0));
      }
      if (kind === "add" && name === "b") return width.ltU(result, source);
    }
    return this.flagFunctions.condition(this.code, number);
  }

  raise(vector: number): void {
    this.stop(STATUS.exception, i32.const(vector));
  }

  stackPointer(): I64 {
    return this.readRegister(4, 64) as I64;
  }

  /** `moved`: in the stack's width. */
  setStackPointer(old: I64, moved: I64): void {
    this.writeRegister(4, 64, i64.or(i64.and(old, this.contextLoad(CONTEXT.stackKept, 64) as I64), moved));
  }

  #stackMask(): I64 {
    return this.let(i64.shrU(i64.const(-1), i64.extendU(this.contextLoad(CONTEXT.stackShift, 32) as I32)));
  }

  /** Linear address of the stack slot `delta` bytes from the stack pointer, and the pointer to store afterwards. */
  stackSlot(
    delta: number | I64,
    bytes: number,
    at: "new" | "old",
  ): { readonly linear: I64; readonly commit: () => void } {
    const mask = this.#stackMask();
    const old = this.let(this.stackPointer());
    const moved = this.let(i64.and(i64.add(old, typeof delta === "number" ? i64.const(delta) : delta), mask));
    const offset = at === "new" ? moved : this.let(i64.and(old, mask));
    return {
      linear: this.segmentLinear(SEGMENT_SLOT.stack, offset, bytes, at === "new" ? "write" : "read"),
      commit: () => this.setStackPointer(old, moved),
    };
  }

  push(width: Width, value: Value): void {
    const kept = this.let(value);
    const slot = this.stackSlot(-width.bytes, width.bytes, "new");
    this.store(width, slot.linear, kept);
    slot.commit();
  }

  /** Reads the top of the stack; `commit` then moves the stack pointer. */
  pop(width: Width, extra: I64 = i64.const(0)): { readonly value: Value; readonly commit: () => void } {
    const slot = this.stackSlot(i64.add(i64.const(width.bytes), extra), width.bytes, "old");
    return { value: this.load(width, slot.linear), commit: slot.commit };
  }

  /** +1 or -1 times the element size, by RFLAGS.DF. */
  stringStep(bytes: number): I64 {
    const down = i32.and(this.contextLoad(CONTEXT.flagRest, 32) as I32, i32.const(RFLAGS.df));
    return i64.extendS(i32.sub(i32.const(bytes), i32.mul(i32.const(2 * bytes), i32.shrU(down, i32.const(10)))));
  }
}
