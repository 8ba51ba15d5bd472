import {
  type F32,
  type F64,
  type FunctionBuilder,
  type I32,
  type I64,
  i32,
  type Local,
  type V128,
  v128,
} from "@likex/wasm-emitter";
import { FPU } from "../context.ts";
import type { Lane, Place } from "../semantics/place.ts";

const LOW_AND_ZERO: readonly number[] = Array.from({ length: 16 }, (_, i) => (i < 8 ? i : i + 8));

/** A vector register in a local, with what is known of its low lane. */
export class VectorLocal implements Place {
  readonly #code: FunctionBuilder;
  readonly #context: Local<"i32">;
  readonly #local: Local<"v128">;
  readonly #offset: number;
  readonly #usual = new Set<Lane>();
  #isChanged = false;

  constructor(code: FunctionBuilder, context: Local<"i32">, local: Local<"v128">, number: number) {
    this.#code = code;
    this.#context = context;
    this.#local = local;
    this.#offset = FPU.vectors + number * 32;
  }

  vector(): V128 {
    return this.#code.get(this.#local);
  }

  low(): V128 {
    return v128.shuffle(this.vector(), v128.constant(0n, 0n), LOW_AND_ZERO);
  }

  i32(offset = 0): I32 {
    return v128.lane32(this.vector(), offset / 4);
  }

  i64(offset = 0): I64 {
    return offset === 0 ? v128.low64(this.vector()) : v128.high64(this.vector());
  }

  f32(): F32 {
    return v128.lowF32(this.vector());
  }

  f64(): F64 {
    return v128.lowF64(this.vector());
  }

  setVector(value: V128): void {
    this.#code.set(this.#local, value);
    this.#isChanged = true;
    this.forget();
  }

  setI32(value: I32, offset = 0): void {
    this.setVector(v128.withLane32(this.vector(), offset / 4, value));
  }

  setI64(value: I64, offset = 0): void {
    this.setVector(v128.withLane64(this.vector(), offset / 8, value));
  }

  setF32(value: F32): void {
    this.setVector(v128.withLowF32(this.vector(), value));
  }

  setF64(value: F64): void {
    this.setVector(v128.withLowF64(this.vector(), value));
  }

  address(): I32 {
    this.#code.store("v128", this.#code.get(this.#context), this.vector(), this.#offset);
    return i32.add(this.#code.get(this.#context), i32.const(this.#offset));
  }

  written(): void {
    this.setVector(v128.load(this.#code.get(this.#context), this.#offset));
  }

  isUsual(lane: Lane): boolean {
    return this.#usual.has(lane);
  }

  setUsual(lane: Lane): void {
    this.#usual.add(lane);
  }

  /** Nothing is known of its value. */
  forget(): void {
    this.#usual.clear();
  }

  read(): void {
    this.#code.set(this.#local, v128.load(this.#code.get(this.#context), this.#offset));
  }

  spill(): void {
    if (this.#isChanged) this.#code.store("v128", this.#code.get(this.#context), this.vector(), this.#offset);
  }
}
