import { type FunctionBuilder, type I32, type Local, load } from "@likex/wasm-emitter";
import { CONTEXT } from "../context.ts";
import type { Fact } from "../semantics/builder.ts";
import { VectorLocal } from "./vector-local.ts";
import type { StackDepths } from "./x87-depths.ts";
import { X87Stack } from "./x87-stack.ts";

/**
 * Registers as locals: those that the region names, from its entry to its exit. Also what is known of them, and of the
 * processor, within a block.
 */
export class RegisterLocals {
  /** Checks that have been made since the block began. */
  readonly facts: Set<Fact> = new Set();
  readonly x87: X87Stack;
  readonly #code: FunctionBuilder;
  readonly #context: Local<"i32">;
  readonly #general = new Map<number, Local<"i64">>();
  readonly #written = new Set<number>();
  readonly #vectors = new Map<number, VectorLocal>();
  readonly #indices = new Set<number>();
  #relation: Local<"i32"> | undefined;
  readonly #compared = new Map<"f32" | "f64", readonly [Local, Local]>();

  /** `depths` are those of x87's stack; undefined where no instruction uses it. */
  constructor(code: FunctionBuilder, context: Local<"i32">, depths: StackDepths | undefined) {
    this.#code = code;
    this.#context = context;
    this.x87 = new X87Stack(code, context, depths);
  }

  of(number: number): Local<"i64"> {
    const known = this.#general.get(number);
    if (known !== undefined) return known;
    const fresh = this.#code.local("i64");
    this.#general.set(number, fresh);
    this.#indices.add(fresh.index);
    return fresh;
  }

  /** A general register is changed. */
  noteWritten(number: number): void {
    this.#written.add(number);
  }

  vector(number: number): VectorLocal {
    const known = this.#vectors.get(number);
    if (known !== undefined) return known;
    const local = this.#code.local("v128");
    const fresh = new VectorLocal(this.#code, this.#context, local, number);
    this.#vectors.set(number, fresh);
    this.#indices.add(local.index);
    return fresh;
  }

  /** The operands of the last comparison of floating-point numbers. */
  compared(type: "f32" | "f64"): readonly [Local, Local] {
    const known = this.#compared.get(type);
    if (known !== undefined) return known;
    const fresh = [this.#code.local(type), this.#code.local(type)] as const;
    this.#compared.set(type, fresh);
    return fresh;
  }

  /** What the last FCOMI or its like found. */
  get relation(): Local<"i32"> {
    this.#relation ??= this.#code.local("i32");
    return this.#relation;
  }

  /** Whether a local, by its index, is a register's. */
  has(index: number): boolean {
    return this.#indices.has(index);
  }

  /** A block begins: nothing is known that its instructions do not find out. */
  beginBlock(start: number): void {
    this.facts.clear();
    this.x87.beginBlock(start);
    for (const vector of this.#vectors.values()) vector.forget();
  }

  /** Reads the registers from the context. `entries` are where the region can begin, of which `entry` is the number. */
  load(entries: readonly number[], entry: Local<"i32">): void {
    this.x87.load(entries, entry);
    for (const [number, local] of this.#general)
      this.#code.set(local, load.i64(this.#contextAddress(), CONTEXT.gpr + number * 8));
    for (const vector of this.#vectors.values()) vector.read();
  }

  /** Writes those that the region changes to the context. */
  spill(): void {
    for (const number of this.#written)
      this.#code.store("i64", this.#contextAddress(), this.#code.get(this.of(number)), CONTEXT.gpr + number * 8);
    for (const vector of this.#vectors.values()) vector.spill();
    this.x87.spill();
  }

  #contextAddress(): I32 {
    return this.#code.get(this.#context);
  }
}
