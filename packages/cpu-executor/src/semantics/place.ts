import {
  type F32,
  type F64,
  type FunctionBuilder,
  f32,
  f64,
  type I32,
  type I64,
  load,
  type V128,
  v128,
} from "@likex/wasm-emitter";

/** Format of a scalar number: its low lane is 32 or 64 bits. */
export type Lane = "s" | "d";

/** Where the bytes of a vector operand are: in a register, wherever the back end keeps it, or in memory. */
export interface Place {
  vector(): V128;
  /** Eight bytes; the others are 0. */
  low(): V128;
  i32(offset?: number): I32;
  i64(offset?: number): I64;
  /** The low lane as a number. */
  f32(): F32;
  f64(): F64;
  setVector(value: V128): void;
  setI32(value: I32, offset?: number): void;
  setI64(value: I64, offset?: number): void;
  setF32(value: F32): void;
  setF64(value: F64): void;
  /** Address of the bytes, for a routine that reads them; one that has written them is told of by `written`. */
  address(): I32;
  written(): void;
  /** Whether the low lane is known to be no denormal, which holds until the register is written. */
  isUsual(lane: Lane): boolean;
  setUsual(lane: Lane): void;
}

/** Bytes at an address, which must be a local or cheap. Nothing is known of their values. */
export class MemoryPlace implements Place {
  readonly #code: FunctionBuilder;
  readonly #base: I32;
  readonly #offset: number;
  readonly #address: () => I32;

  constructor(code: FunctionBuilder, base: I32, offset = 0, address: () => I32 = () => base) {
    this.#code = code;
    this.#base = base;
    this.#offset = offset;
    this.#address = address;
  }

  vector(): V128 {
    return v128.load(this.#base, this.#offset);
  }

  low(): V128 {
    return v128.load64(this.#base, this.#offset);
  }

  i32(offset = 0): I32 {
    return load.i32(this.#base, this.#offset + offset);
  }

  i64(offset = 0): I64 {
    return load.i64(this.#base, this.#offset + offset);
  }

  f32(): F32 {
    return f32.reinterpret(this.i32());
  }

  f64(): F64 {
    return f64.reinterpret(this.i64());
  }

  setVector(value: V128): void {
    this.#code.store("v128", this.#base, value, this.#offset);
  }

  setI32(value: I32, offset = 0): void {
    this.#code.store("i32", this.#base, value, this.#offset + offset);
  }

  setI64(value: I64, offset = 0): void {
    this.#code.store("i64", this.#base, value, this.#offset + offset);
  }

  setF32(value: F32): void {
    this.setI32(f32.bits(value));
  }

  setF64(value: F64): void {
    this.setI64(f64.bits(value));
  }

  address(): I32 {
    return this.#address();
  }

  written(): void {}

  isUsual(): boolean {
    return false;
  }

  setUsual(): void {}
}
