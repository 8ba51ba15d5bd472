import {
  type FunctionBuilder,
  type FunctionReference,
  type I32,
  type I64,
  i32,
  i64,
  type Label,
  type Local,
  load,
  ModuleBuilder,
} from "@likex/wasm-emitter";
import { CONTEXT, JUMP_CACHE } from "../context.ts";
import { BLOCK, RECORD } from "../record.ts";
import type { FlagFunctions, Shape } from "../semantics/builder.ts";
import { SEMANTICS } from "../semantics/index.ts";
import { importSlowPath, LocalPool, type SlowPath } from "../semantics/memory-access.ts";
import type { SemanticsEntry } from "../semantics/table.ts";
import { STATUS } from "../status.ts";
import { type Exits, InterpreterBuilder, type InterpreterFrame } from "./builder.ts";
import { EXTENSION_TYPE } from "./extension.ts";
import { defineFlagFunctions } from "./flag-functions.ts";

/** What a handler carries out: one instruction, or a comparison and the conditional jump behind it. */
export interface Handler {
  readonly shapes: readonly Shape[];
}

export interface InterpreterPlan {
  /** Cases of the main function, most of the instructions that programs execute. */
  readonly hot: readonly Handler[];
  /** Cases of the second function: they never end a block by branching. Their numbers follow the hot ones. */
  readonly cold: readonly Handler[];
  /** Functions of the second module. Their numbers follow the cold ones. */
  readonly extension: readonly Handler[];
}

/** What a variant of the interpreter does differently; the product uses none, `bench executor-shape` measures some. */
export interface InterpreterVariant {
  readonly builder: (
    frame: InterpreterFrame,
    shape: Shape,
    previous: InterpreterBuilder | undefined,
  ) => InterpreterBuilder;
  /** State that the main function keeps in locals: loaded when it is entered or regains control, stored before it gives control away. */
  readonly load?: (frame: InterpreterFrame) => void;
  readonly store?: (frame: InterpreterFrame) => void;
}

const STANDARD: InterpreterVariant = {
  builder: (frame, shape, previous) => new InterpreterBuilder(frame, shape, previous),
};

const entryOf = (shape: Shape): SemanticsEntry => {
  const entry = SEMANTICS[shape.mnemonic];
  if (entry === undefined) throw new RangeError(`no semantics for ${shape.mnemonic}`);
  return entry;
};

const endsBlock = (handler: Handler): boolean =>
  handler.shapes.some((shape) => entryOf(shape).endsBlock === true || shape.repeat !== "none");

/** Writes a branch table with one nested block per case; `body` writes the code of a case and must not fall through. */
function dispatch(
  code: FunctionBuilder,
  selector: I32,
  cases: number,
  body: (position: number) => void,
  otherwise: () => void,
): void {
  const nest = (depth: number, labels: readonly Label[]): void => {
    if (depth === cases + 1) {
      code.brTable(labels.slice(1).reverse(), labels[0] as Label, selector);
      return;
    }
    code.block((label) => nest(depth + 1, [...labels, label]));
    if (depth === 0) otherwise();
    else body(cases - depth);
  };
  nest(0, []);
}

function writeHandler(
  frame: InterpreterFrame,
  handler: Handler,
  createBuilder: InterpreterVariant["builder"] = STANDARD.builder,
): void {
  frame.pool.reset();
  let previous: InterpreterBuilder | undefined;
  for (const shape of handler.shapes) {
    const builder: InterpreterBuilder = createBuilder(frame, shape, previous);
    entryOf(shape).write(builder);
    previous = builder;
  }
}

interface Parts {
  readonly module: ModuleBuilder;
  readonly flagFunctions: FlagFunctions;
  readonly slow: SlowPath;
}

/** cold(context, record, block): 0 to go on with the next record, or a STATUS plus 1. */
function writeCold(parts: Parts, handlers: readonly Handler[], firstNumber: number): FunctionBuilder {
  const code = parts.module.function("interpreter.cold", ["i32", "i32", "i32"], ["i32"]);
  const record = code.param(1, "i32");
  const exits: Exits = {
    stop: (status) => code.return(i32.add(status, i32.const(1))),
    enter: refuse,
    jump: refuse,
    leave: refuse,
  };
  const pool = new LocalPool(code);
  const [context, block] = [code.param(0, "i32"), code.param(2, "i32")];
  const frame = { code, context, record, block, pool, exits, routines: NO_ROUTINES, ...parts };
  const selector = i32.sub(load.u16(code.get(record)), i32.const(firstNumber));
  dispatch(
    code,
    selector,
    handlers.length,
    (position) => {
      writeHandler(frame, handlers[position] as Handler);
      code.return(i32.const(0));
    },
    () => {
      const handler = i32.sub(selector, i32.const(handlers.length));
      const args = [code.get(context), code.get(record), code.get(block)];
      code.return(code.callIndirect("i32", parts.module.typeIndex(EXTENSION_TYPE), handler, ...args));
    },
  );
  code.unreachable();
  return code;
}

/** Routines belong to the second module. */
const NO_ROUTINES: ReadonlyMap<string, FunctionReference> = new Map();

const refuse = (): never => {
  throw new RangeError("a cold handler cannot branch: list its instruction as hot");
};

/** Address of the jump cache's entry for an instruction pointer, less JUMP_CACHE.offset. */
function jumpCacheEntry(context: I32, rip: I64): I32 {
  const folded = i32.wrap(i64.xor(rip, i64.shrU(rip, i64.const(JUMP_CACHE.fold))));
  return i32.add(context, i32.shl(i32.and(folded, i32.const(JUMP_CACHE.entries - 1)), i32.const(4)));
}

/** run(context, block): executes blocks until something needs the caller, and returns a STATUS. */
function writeRun(
  parts: Parts,
  plan: InterpreterPlan,
  cold: FunctionBuilder,
  variant: InterpreterVariant,
): FunctionBuilder {
  const code = parts.module.function("interpreter.run", ["i32", "i32"], ["i32"]);
  const context = code.param(0, "i32");
  const block = code.param(1, "i32");
  const record = code.local("i32");
  const budget = code.local("i32");
  const status = code.local("i32");
  const rip = code.local("i64");
  const linkSite = code.local("i32");
  const pool = new LocalPool(code);
  const contextOf = (): I32 => code.get(context);
  /** What every return does: the state that lives in locals goes to the context. */
  const save = (): void => {
    code.store("i32", contextOf(), code.get(budget), CONTEXT.budget);
    variant.store?.(frame);
  };
  const exits: Partial<Exits> = {};
  const frame: InterpreterFrame = {
    code,
    context,
    record,
    block,
    pool,
    exits: exits as Exits,
    routines: NO_ROUTINES,
    ...parts,
  };

  code.set(budget, load.i32(contextOf(), CONTEXT.budget));
  variant.load?.(frame);
  code.loop((enter) => {
    code.set(budget, i32.sub(code.get(budget), load.i32(code.get(block), BLOCK.count)));
    code.if(i32.ltS(code.get(budget), i32.const(0)), () => {
      code.set(budget, i32.add(code.get(budget), load.i32(code.get(block), BLOCK.count)));
      save();
      code.store("i64", contextOf(), load.i64(code.get(block), BLOCK.rip), CONTEXT.rip);
      code.return(i32.const(STATUS.budget));
    });
    code.set(record, i32.add(code.get(block), i32.const(BLOCK.size)));
    code.block((stopped) => {
      code.block((jump) => {
        Object.assign(exits, {
          stop: (value) => {
            code.set(status, value);
            code.br(stopped);
          },
          enter: (target) => {
            code.set(block, target);
            code.br(enter);
          },
          jump: (target, site) => {
            code.set(rip, target);
            code.set(linkSite, site);
            code.br(jump);
          },
          leave: (value) => {
            save();
            code.store("i64", contextOf(), load.i64(code.get(block), BLOCK.end), CONTEXT.rip);
            code.return(i32.const(value));
          },
        } satisfies Exits);
        code.loop((next) => {
          const advance = (handler: Handler): void => {
            code.set(record, i32.add(code.get(record), i32.const(RECORD.size * handler.shapes.length)));
            code.br(next);
          };
          dispatch(
            code,
            load.u16(code.get(record)),
            plan.hot.length,
            (position) => {
              const handler = plan.hot[position] as Handler;
              writeHandler(frame, handler, variant.builder);
              if (endsBlock(handler)) code.unreachable();
              else advance(handler);
            },
            () => {
              variant.store?.(frame);
              code.set(status, code.call("i32", cold, contextOf(), code.get(record), code.get(block)));
              variant.load?.(frame);
              code.if(code.get(status), () => frame.exits.stop(i32.sub(code.get(status), i32.const(1))));
              code.set(record, i32.add(code.get(record), i32.const(RECORD.size)));
              code.br(next);
            },
          );
          code.unreachable();
        });
        code.unreachable();
      });
      writeJump(code, { context, block, record, rip, linkSite }, enter, save);
    });
    // The instruction at `record` did not happen: take it and those behind it back from the count.
    const index = load.u8(code.get(record), RECORD.index);
    code.set(budget, i32.add(code.get(budget), i32.sub(load.i32(code.get(block), BLOCK.count), index)));
    save();
    code.store("i32", contextOf(), code.get(record), CONTEXT.stopRecord);
    code.store("i32", contextOf(), code.get(block), CONTEXT.block);
    code.return(code.get(status));
  });
  code.unreachable();
  return code;
}

interface JumpLocals {
  readonly context: Local<"i32">;
  readonly block: Local<"i32">;
  readonly record: Local<"i32">;
  readonly rip: Local<"i64">;
  readonly linkSite: Local<"i32">;
}

/** Continues at `rip` through the jump cache, linking blocks that are in one page; else returns STATUS.lookup. */
function writeJump(code: FunctionBuilder, l: JumpLocals, enter: Label, save: () => void): void {
  const entry = code.local("i32");
  const linear = code.local("i64");
  const found = load.i32(code.get(entry), JUMP_CACHE.offset + JUMP_CACHE.block);
  code.set(entry, jumpCacheEntry(code.get(l.context), code.get(l.rip)));
  code.if(i64.eq(load.i64(code.get(entry), JUMP_CACHE.offset), code.get(l.rip)), () => {
    code.if(code.get(l.linkSite), () => {
      // Within one page the translation cannot differ from the one that this block was decoded under.
      code.set(linear, load.i64(code.get(l.block), BLOCK.linear));
      const target = i64.add(code.get(linear), i64.sub(code.get(l.rip), load.i64(code.get(l.block), BLOCK.rip)));
      const samePage = i64.eqz(i64.shrU(i64.xor(target, code.get(linear)), i64.const(12)));
      code.if(samePage, () => code.store("i32", code.get(l.linkSite), found));
    });
    code.set(l.block, found);
    code.br(enter);
  });
  // Which instruction jumped: the target may be one that it must not jump to.
  code.store("i32", code.get(l.context), code.get(l.record), CONTEXT.stopRecord);
  code.store("i32", code.get(l.context), code.get(l.block), CONTEXT.block);
  code.store("i64", code.get(l.context), code.get(l.rip), CONTEXT.rip);
  save();
  code.return(i32.const(STATUS.lookup));
}

/** The interpreter as a WebAssembly module: generated from the instruction semantics. */
export function emitInterpreter(
  plan: InterpreterPlan,
  variant: InterpreterVariant = STANDARD,
): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory("host", "memory", { minimum: 1 });
  const slow = importSlowPath(module);
  const flagFunctions = defineFlagFunctions(module);
  const parts: Parts = { module, flagFunctions, slow };
  const cold = writeCold(parts, plan.cold, plan.hot.length);
  // Empty until the second module is loaded, which makes it as long as it needs.
  module.exportTable("handlers", 0);
  module.exportFunction("run", writeRun(parts, plan, cold, variant));
  module.exportFunction("flags", flagFunctions.exported);
  return module.finish();
}
