import { constantOf, type FunctionBuilder, type I32, type I64, i32, i64, type Local, load } from "@likex/wasm-emitter";
import { FPU } from "../context.ts";
import type { StackDepths } from "./x87-depths.ts";

/** A register's significand, and its sign and exponent. */
export interface X87Value {
  readonly significand: I64;
  readonly se: I32;
}

interface RegisterLocal {
  readonly significand: Local<"i64">;
  readonly se: Local<"i32">;
}

/**
 * The x87 register stack in locals. Registers are numbered by their distance from the top of the stack where the region was
 * entered, less the depth of that entry, so that the code knows each instruction's registers whatever the top is.
 */
export class X87Stack {
  /** Distance of the top where code is being written. */
  depth = 0;
  readonly #code: FunctionBuilder;
  readonly #context: Local<"i32">;
  readonly #depths: StackDepths | undefined;
  readonly #registers = new Map<number, RegisterLocal>();
  readonly #changed = new Set<number>();
  /** Registers that the block has found to be in use or empty. */
  readonly #isInUse = new Map<number, boolean>();
  #state:
    | {
        /** Physical number of register 0. */
        readonly base: Local<"i32">;
        readonly depth: Local<"i32">;
        /** Bit n: register n is in use. */
        readonly tags: Local<"i32">;
        readonly status: Local<"i32">;
        readonly instruction: Local<"i64">;
      }
    | undefined;

  constructor(code: FunctionBuilder, context: Local<"i32">, depths: StackDepths | undefined) {
    this.#code = code;
    this.#context = context;
    this.#depths = depths;
  }

  /** Whether the region has x87 instructions. */
  get isUsed(): boolean {
    return this.#depths !== undefined;
  }

  /** Whether the code of a block expects the top where it is. */
  canGoTo(start: number): boolean {
    return this.#depths === undefined || this.#depths.get(start) === this.depth;
  }

  beginBlock(start: number): void {
    this.depth = this.#depthOf(start);
    this.#isInUse.clear();
  }

  #depthOf(start: number): number {
    return this.#depths?.get(start) ?? 0;
  }

  #locals() {
    const code = this.#code;
    this.#state ??= {
      base: code.local("i32"),
      depth: code.local("i32"),
      tags: code.local("i32"),
      status: code.local("i32"),
      instruction: code.local("i64"),
    };
    return this.#state;
  }

  #register(number: number): RegisterLocal {
    const known = this.#registers.get(number);
    if (known !== undefined) return known;
    const fresh = { significand: this.#code.local("i64"), se: this.#code.local("i32") };
    this.#registers.set(number, fresh);
    return fresh;
  }

  #numberOf(i: number): number {
    return (this.depth + i) & 7;
  }

  /** ST(i), which must be in use. */
  value(i: number, leaveIf: (condition: I32) => void): X87Value {
    const number = this.#numberOf(i);
    this.#need(number, true, leaveIf);
    const { significand, se } = this.#register(number);
    return { significand: this.#code.get(significand), se: this.#code.get(se) };
  }

  #need(number: number, isInUse: boolean, leaveIf: (condition: I32) => void): void {
    if (this.#isInUse.get(number) === isInUse) return;
    const bit = i32.and(this.#code.get(this.#locals().tags), i32.const(1 << number));
    leaveIf(isInUse ? i32.eqz(bit) : bit);
    this.#isInUse.set(number, isInUse);
  }

  /** ST(i) becomes a value, and is in use. */
  set(i: number, { significand, se }: X87Value): void {
    const number = this.#numberOf(i);
    const register = this.#register(number);
    this.#code.set(register.significand, significand);
    this.#code.set(register.se, se);
    this.#changed.add(number);
    if (this.#isInUse.get(number) === true) return;
    const { tags } = this.#locals();
    this.#code.set(tags, i32.or(this.#code.get(tags), i32.const(1 << number)));
    this.#isInUse.set(number, true);
  }

  /** Room for a value that is pushed. */
  needRoom(leaveIf: (condition: I32) => void): void {
    this.#need(this.#numberOf(7), false, leaveIf);
  }

  push(value: X87Value): void {
    this.#moveTop(-1);
    this.set(0, value);
  }

  pop(count: number): void {
    const { tags } = this.#locals();
    for (let i = 0; i < count; i++) {
      const number = this.#numberOf(i);
      this.#code.set(tags, i32.and(this.#code.get(tags), i32.const(0xff & ~(1 << number))));
      this.#isInUse.set(number, false);
    }
    if (count > 0) this.#moveTop(count);
  }

  #moveTop(by: number): void {
    this.depth = (this.depth + by) & 7;
    this.#code.set(this.#locals().depth, i32.const(this.depth));
  }

  /** Status word without TOP. */
  get status(): I32 {
    return this.#code.get(this.#locals().status);
  }

  /** Clears bits of the status word and sets others. */
  setStatus(cleared: number, bits: I32): void {
    const kept = i32.and(this.status, i32.const(0xffff & ~cleared));
    this.#code.set(this.#locals().status, constantOf(bits) === 0n ? kept : i32.or(kept, bits));
  }

  get top(): I32 {
    return i32.and(i32.add(this.#code.get(this.#locals().base), i32.const(this.depth)), i32.const(7));
  }

  setInstruction(pointer: I64): void {
    this.#code.set(this.#locals().instruction, pointer);
  }

  /** Reads the stack from the context. `entries` are where the region can begin, of which `entry` is the number. */
  load(entries: readonly number[], entry: Local<"i32">): void {
    if (!this.isUsed) return;
    const code = this.#code;
    const { base, depth, tags, status, instruction } = this.#locals();
    const at = code.get(this.#context);
    const depths = entries.map((start) => this.#depthOf(start));
    code.set(depth, i32.const(depths[0] as number));
    depths.forEach((other, i) => {
      if (other !== depths[0]) code.if(i32.eq(code.get(entry), i32.const(i)), () => code.set(depth, i32.const(other)));
    });
    code.set(base, i32.and(i32.sub(load.i32(at, FPU.top), code.get(depth)), i32.const(7)));
    code.set(tags, this.#rotated(load.i32(at, FPU.tags), i32.sub(i32.const(8), code.get(base))));
    code.set(status, load.i32(at, FPU.status));
    code.set(instruction, load.i64(at, FPU.instruction));
    for (const [number, register] of this.#registers) {
      const from = this.#addressOf(number);
      code.set(register.significand, load.i64(from, FPU.registers));
      code.set(register.se, load.u16(from, FPU.registers + 8));
    }
  }

  /** Writes it to the context. */
  spill(): void {
    if (!this.isUsed) return;
    const code = this.#code;
    const { base, depth, tags, status, instruction } = this.#locals();
    const at = code.get(this.#context);
    code.store("i32", at, i32.and(i32.add(code.get(base), code.get(depth)), i32.const(7)), FPU.top);
    code.store("i32", at, this.#rotated(code.get(tags), code.get(base)), FPU.tags);
    code.store("i32", at, code.get(status), FPU.status);
    code.store("i64", at, code.get(instruction), FPU.instruction);
    for (const number of this.#changed) {
      const { significand, se } = this.#register(number);
      code.store("i64", this.#addressOf(number), code.get(significand), FPU.registers);
      code.store("i32to16", this.#addressOf(number), code.get(se), FPU.registers + 8);
    }
  }

  #addressOf(number: number): I32 {
    const { base } = this.#locals();
    const physical = i32.and(i32.add(this.#code.get(base), i32.const(number)), i32.const(7));
    return i32.add(this.#code.get(this.#context), i32.shl(physical, i32.const(4)));
  }

  /** Eight bits rotated left by 0 to 8. */
  #rotated(bits: I32, count: I32): I32 {
    const moved = i32.shl(bits, count);
    return i32.and(i32.or(moved, i32.shrU(moved, i32.const(8))), i32.const(0xff));
  }
}

/** The value 0, positive. */
export const ZERO: X87Value = { significand: i64.const(0n), se: i32.const(0) };
