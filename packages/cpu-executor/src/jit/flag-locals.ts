import { constantOf, type FunctionBuilder, type I32, type I64, i32, i64, type Local, load } from "@likex/wasm-emitter";
import { CONTEXT } from "../context.ts";
import { carryOf, type FlagFunctions, flagOperation, type KnownFlags } from "../semantics/builder.ts";
import type { LocalPool } from "../semantics/memory-access.ts";
import type { Value, Width } from "../semantics/width.ts";

/** Lazy flags (flags.ts) in locals. */
interface LazyFlags {
  readonly operation: Local<"i32">;
  readonly result: Local<"i64">;
  readonly source: Local<"i64">;
}

const LOG2_OF_DOUBLEWORD = 2;

/**
 * A result or source as the locals have it: sign-extended, but of 32 bits only the lower half counts, so that it costs nothing in
 * a loop that does not ask for the flags.
 */
export function flagValue({ bits }: Width, value: Value): I64 {
  const constant = constantOf(value);
  if (constant !== undefined) return i64.const(BigInt.asIntN(bits, constant));
  if (bits === 64) return value as I64;
  const wide = i64.extendU(value as I32);
  if (bits === 32) return wide;
  return bits === 16 ? i64.extend16S(wide) : i64.extend8S(wide);
}

/**
 * The lazy flags of a region, from its entry to its exit. INC and DEC leave CF as it is: where a region has them behind flags that
 * are not known (kept-carry.ts), the flags that CF follows from are in locals of their own, so that it is not computed unless somebody asks for it. What the context calls the
 * source of INC and DEC, the carry, is then computed where the flags go to the context.
 */
export class FlagLocals implements LazyFlags {
  readonly operation: Local<"i32">;
  readonly result: Local<"i64">;
  readonly source: Local<"i64">;
  /** First operand of the comparison or subtraction that set the flags, sign-extended. */
  readonly first: Local<"i64">;
  /** The functions of lazy flags. */
  readonly functions: FlagFunctions;
  readonly #code: FunctionBuilder;
  readonly #context: Local<"i32">;
  readonly #pool: LocalPool;
  readonly #inContext: FlagFunctions;
  readonly #before: LazyFlags | undefined;
  readonly #shift: Local<"i64">;

  /** `inContext` are the functions of flags that are in the context. */
  constructor(
    {
      code,
      context,
      pool,
    }: { readonly code: FunctionBuilder; readonly context: Local<"i32">; readonly pool: LocalPool },
    inContext: FlagFunctions,
    keepsCarry: boolean,
  ) {
    this.#code = code;
    this.#context = context;
    this.#pool = pool;
    this.#inContext = inContext;
    const lazy = (): LazyFlags => ({
      operation: code.local("i32"),
      result: code.local("i64"),
      source: code.local("i64"),
    });
    ({ operation: this.operation, result: this.result, source: this.source } = lazy());
    this.first = code.local("i64");
    this.#shift = code.local("i64");
    this.#before = keepsCarry ? lazy() : undefined;
    this.functions = {
      carry: () => this.#carry(),
      all: (to) => this.#stored(() => inContext.all(to)),
      condition: (to, number) => this.#stored(() => inContext.condition(to, number)),
    };
  }

  /** CF can follow from other flags than the rest. */
  get keepsCarry(): boolean {
    return this.#before !== undefined;
  }

  load(): void {
    const at = this.#code.get(this.#context);
    this.set(load.i32(at, CONTEXT.flagOperation), load.i64(at, CONTEXT.flagResult), load.i64(at, CONTEXT.flagSource));
  }

  /** Puts the flags into the context. */
  store(): void {
    const before = this.#before;
    if (before !== undefined) {
      const first = flagOperation("inc", 8);
      const isKept = i32.ltU(
        i32.sub(this.#code.get(this.operation), i32.const(first)),
        i32.const(flagOperation("dec", 64) - first + 1),
      );
      this.#code.if(isKept, () => this.#code.set(this.source, i64.extendU(this.#carry())));
    }
    this.#put(this);
  }

  /** Sets all of them; what is not given does not matter. */
  set(operation: I32, result: I64 | undefined, source: I64 | undefined): void {
    const code = this.#code;
    code.set(this.operation, operation);
    if (result !== undefined) code.set(this.result, result);
    if (source !== undefined) code.set(this.source, source);
    if (this.#before === undefined) return;
    code.set(this.#before.operation, code.get(this.operation));
    if (result !== undefined) code.set(this.#before.result, code.get(this.result));
    if (source !== undefined) code.set(this.#before.source, code.get(this.source));
  }

  /** Sets those of INC or DEC. */
  setButCarry(operation: I32, result: I64): void {
    this.#code.set(this.operation, operation);
    this.#code.set(this.result, result);
  }

  /** CF behind flags of which this is known, where it follows easily: also when INC or DEC has come after them. */
  carryBehind(known: KnownFlags | undefined): I32 | undefined {
    const before = this.#before;
    if (known === undefined) return undefined;
    if (before === undefined || known.kind === "ordered" || known.kind === "inc" || known.kind === "dec")
      return carryOf(known);
    const kept = (local: Local<"i64">): Value => known.width.from64(this.#code.get(local));
    return carryOf({ ...known, result: kept(before.result), source: kept(before.source) });
  }

  #carry(): I32 {
    this.#put(this.#before ?? this);
    return this.#inLocal(this.#inContext.carry(this.#code));
  }

  #stored(value: () => I32): I32 {
    this.store();
    return this.#inLocal(value());
  }

  #inLocal(value: I32): I32 {
    const local = this.#pool.take("i32");
    this.#code.set(local, value);
    return this.#code.get(local);
  }

  #put({ operation, result, source }: LazyFlags): void {
    const code = this.#code;
    const at = code.get(this.#context);
    const log2Bytes = i32.and(code.get(operation), i32.const(3));
    const shift = this.#shift;
    const isDoubleword = i32.eq(log2Bytes, i32.const(LOG2_OF_DOUBLEWORD));
    code.set(shift, i64.shl(i64.extendU(isDoubleword), i64.const(5)));
    const whole = (local: Local<"i64">): I64 => i64.shrS(i64.shl(code.get(local), code.get(shift)), code.get(shift));
    code.store("i32", at, code.get(operation), CONTEXT.flagOperation);
    code.store("i64", at, whole(result), CONTEXT.flagResult);
    code.store("i64", at, whole(source), CONTEXT.flagSource);
  }
}
