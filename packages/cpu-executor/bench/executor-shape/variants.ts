import { type I32, type I64, i32, type Local, load, type ValueType } from "@likex/wasm-emitter";
import { CodeCache } from "../../src/code-cache.ts";
import { CONTEXT } from "../../src/context.ts";
import { InterpreterBuilder, type InterpreterFrame } from "../../src/interpreter/builder.ts";
import { emitInterpreter, type InterpreterVariant } from "../../src/interpreter/module.ts";
import { interpreterPlan, type NamedPlan } from "../../src/plan.ts";
import type { Shape } from "../../src/semantics/builder.ts";
import type { InterpreterUnderTest } from "./machine.ts";
import { SeparateMemorySelector, separateMemoryPlan, writeSeparateRecords } from "./separate-memory.ts";

/** One way to build the interpreter. */
export interface Variant {
  readonly name: string;
  readonly what: string;
  readonly plan: NamedPlan;
  readonly build: () => InterpreterUnderTest;
}

const underTest = (plan: NamedPlan, variant?: InterpreterVariant): InterpreterUnderTest => ({
  bytes: emitInterpreter(plan, variant),
  keys: plan.keys,
});

/** Every branch looks its target up in the jump cache. */
class UnlinkedBuilder extends InterpreterBuilder {
  protected override follow(_link: number, rip: I64): void {
    this.frame.exits.jump(rip, i32.const(0));
  }
}

interface FlagLocals {
  readonly operation: Local<"i32">;
  readonly result: Local<"i64">;
  readonly source: Local<"i64">;
}

/** The lazy flags live in locals of the main function; functions that read them find them in the context. */
function flagsInLocals(): InterpreterVariant {
  const locals = new WeakMap<object, FlagLocals>();
  const localsOf = (frame: InterpreterFrame): FlagLocals => {
    const known = locals.get(frame.code);
    if (known !== undefined) return known;
    const fresh = { operation: local(frame, "i32"), result: local(frame, "i64"), source: local(frame, "i64") };
    locals.set(frame.code, fresh);
    return fresh;
  };
  const store = (frame: InterpreterFrame): void => {
    const { operation, result, source } = localsOf(frame);
    const context = frame.code.get(frame.context);
    frame.code.store("i32", context, frame.code.get(operation), CONTEXT.flagOperation);
    frame.code.store("i64", context, frame.code.get(result), CONTEXT.flagResult);
    frame.code.store("i64", context, frame.code.get(source), CONTEXT.flagSource);
  };
  class LocalFlagsBuilder extends InterpreterBuilder {
    protected override storeFlags(operation: I32, result: I64 | undefined, source: I64 | undefined): void {
      const l = localsOf(this.frame);
      this.code.set(l.operation, operation);
      if (result !== undefined) this.code.set(l.result, result);
      if (source !== undefined) this.code.set(l.source, source);
    }
    override carry(): I32 {
      store(this.frame);
      return this.let(super.carry());
    }
    override flags(): I32 {
      store(this.frame);
      return this.let(super.flags());
    }
    override condition(number: number): I32 {
      if (this.knownFlags === undefined) store(this.frame);
      return super.condition(number);
    }
  }
  return {
    builder: (frame, shape, previous) => new LocalFlagsBuilder(frame, shape, previous),
    store,
    load: (frame) => {
      const { operation, result, source } = localsOf(frame);
      const at = (offset: number): I64 => load.i64(frame.code.get(frame.context), offset);
      frame.code.set(operation, load.i32(frame.code.get(frame.context), CONTEXT.flagOperation));
      frame.code.set(result, at(CONTEXT.flagResult));
      frame.code.set(source, at(CONTEXT.flagSource));
    },
  };
}

const local = <T extends ValueType>(frame: InterpreterFrame, type: T): Local<T> => frame.code.local(type);

const unlinked: InterpreterVariant = {
  builder: (frame: InterpreterFrame, shape: Shape, previous: InterpreterBuilder | undefined) =>
    new UnlinkedBuilder(frame, shape, previous),
};

export function variants(): Variant[] {
  const standard = interpreterPlan({ fuse: "compare-and-branch" });
  const unfused = interpreterPlan({ fuse: "nothing" });
  const separate = separateMemoryPlan(standard);
  return [
    {
      name: "standard",
      what: "memory operands fused, flags in the context, blocks linked, cmp+jcc fused",
      plan: standard,
      build: () => underTest(standard),
    },
    { name: "unfused", what: "cmp+jcc as two records", plan: unfused, build: () => underTest(unfused) },
    {
      name: "unlinked",
      what: "blocks found through the jump cache",
      plan: standard,
      build: () => underTest(standard, unlinked),
    },
    {
      name: "local-flags",
      what: "lazy flags in locals of the main function",
      plan: standard,
      build: () => underTest(standard, flagsInLocals()),
    },
    {
      name: "separate-memory",
      what: "memory operands as load and store records of their own",
      plan: separate,
      build: () => ({
        ...underTest(separate),
        // Its plan has no handlers of the second module.
        createSelector: (keys) => new SeparateMemorySelector(keys, () => {}),
        createCodeCache: (memory, selector) => new CodeCache(memory, selector, writeSeparateRecords(selector)),
      }),
    },
  ];
}
