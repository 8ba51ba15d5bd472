import {
  type FunctionBuilder,
  type FunctionReference,
  type I32,
  i32,
  i64,
  type Label,
  type Local,
  load,
  ModuleBuilder,
  select,
} from "@likex/wasm-emitter";
import { CONTEXT, JUMP_CACHE } from "../context.ts";
import { jumpCacheEntry } from "../jump-cache.ts";
import { BLOCK, RECORD, REGION_HANDLER } from "../record.ts";
import { REGION_RUN_TYPE, RUN_OUTCOME } from "../region-type.ts";
import type { Routines } from "../routines/compile.ts";
import { importSlowPath, LocalPool } from "../semantics/memory-access.ts";
import { STATUS } from "../status.ts";
import type { Exits, InterpreterFrame } from "./builder.ts";
import { defineFlagFunctions } from "./flag-functions.ts";
import {
  type CreateBuilder,
  dispatch,
  endsBlock,
  type Handler,
  type InterpreterPlan,
  type Parts,
  writeHandler,
} from "./handlers.ts";
import { OUTCOME, SLOW_FUNCTION_TYPE, writeRepeats, writeSlowFunctions } from "./slow-functions.ts";

/** What a variant of the interpreter does differently; the product uses none, `bench executor-shape` measures some. */
export interface InterpreterVariant {
  readonly builder?: CreateBuilder;
  /** State that the main function keeps in locals: loaded when it is entered or regains control, stored before it gives control away. */
  readonly load?: (frame: InterpreterFrame) => void;
  readonly store?: (frame: InterpreterFrame) => void;
}

/**
 * run(context, block): executes blocks until something needs the caller, and returns a STATUS. It
 * calls nothing on the way of a hot instruction, so that no value has to survive a call. `leaving` is given the positions of
 * the handlers whose fast path can end.
 */
function writeRun(
  module: ModuleBuilder,
  parts: Parts,
  runRegions: FunctionReference,
  plan: InterpreterPlan,
  leaving: Set<number>,
  variant: InterpreterVariant,
): FunctionBuilder {
  const code = module.function("interpreter.run", ["i32", "i32"], ["i32"]);
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
  let missed: Label | undefined;
  let current = 0;
  const leaveIf = (condition: I32): void => {
    leaving.add(current);
    code.brIf(missed as Label, condition);
  };
  const frame: InterpreterFrame = {
    code,
    context,
    record,
    block,
    pool,
    exits: exits as Exits,
    slowCases: { kind: "leave", leaveIf },
    ...parts,
  };

  code.set(budget, load.i32(contextOf(), CONTEXT.budget));
  variant.load?.(frame);
  code.loop((enter) => {
    writeHeat(frame, save);
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
          const advance = (records: number): void => {
            code.set(record, i32.add(code.get(record), i32.const(RECORD.size * records)));
            code.br(next);
          };

          code.block((miss) => {
            missed = miss;
            dispatch(
              code,
              load.u16(code.get(record)),
              plan.hot.length,
              (position) => {
                const handler = plan.hot[position] as Handler;
                current = position;
                writeHandler(frame, handler, variant.builder);
                if (endsBlock(handler)) code.unreachable();
                else advance(handler.shapes.length);
              },
              () => code.br(miss),
            );
            code.unreachable();
          });
          variant.store?.(frame);
          writeRegionCall(runRegions, frame, { block, record, budget }, save);
          const args = [contextOf(), code.get(record), code.get(block)];
          const type = module.typeIndex(SLOW_FUNCTION_TYPE);
          code.set(status, code.callIndirect("i32", type, load.u16(code.get(record)), ...args));
          variant.load?.(frame);
          writeOutcome(frame, status, advance);
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

/** Counts a block's entries down; at the last one its caller is told. */
function writeHeat({ code, context, block }: InterpreterFrame, save: () => void): void {
  const heat = code.local("i32");
  code.set(heat, i32.sub(load.i32(code.get(block), BLOCK.heat), i32.const(1)));
  code.store("i32", code.get(block), code.get(heat), BLOCK.heat);
  code.if(i32.eqz(code.get(heat)), () => {
    save();
    code.store("i32", code.get(context), code.get(block), CONTEXT.block);
    code.store("i64", code.get(context), load.i64(code.get(block), BLOCK.rip), CONTEXT.rip);
    code.return(i32.const(STATUS.hot));
  });
}

interface RegionLocals {
  readonly block: Local<"i32">;
  readonly record: Local<"i32">;
  readonly budget: Local<"i32">;
}

/**
 * Where the block has been compiled, runs its region and those that follow, which do the accounting for themselves; then goes on
 * with the block that they come to.
 */
function writeRegionCall(
  run: FunctionReference,
  { code, context, exits }: InterpreterFrame,
  l: RegionLocals,
  save: () => void,
): void {
  const at = code.get(context);
  code.if(i32.eq(load.u16(code.get(l.record)), i32.const(REGION_HANDLER)), () => {
    save();
    const next = code.local("i32");
    code.set(next, code.call("i32", run, at, code.get(l.block)));
    code.set(l.budget, load.i32(at, CONTEXT.budget));
    code.if(i32.gtS(code.get(next), i32.const(0)), () => exits.enter(code.get(next)));
    const isResumed = i32.eq(code.get(next), i32.const(RUN_OUTCOME.resume));
    code.return(select(isResumed, i32.const(STATUS.resume), i32.const(STATUS.lookup)));
  });
}

/** Goes on as a function beside the main one says. */
function writeOutcome(
  { code, context, exits }: InterpreterFrame,
  outcome: Local<"i32">,
  advance: (records: number) => void,
): void {
  const is = (value: number): I32 => i32.eq(code.get(outcome), i32.const(value));
  const at = code.get(context);
  code.if(is(OUTCOME.next), () => advance(1));
  code.if(is(OUTCOME.jump), () => exits.jump(load.i64(at, CONTEXT.rip), load.i32(at, CONTEXT.linkSite)));
  code.if(is(OUTCOME.enter), () => exits.enter(load.i32(at, CONTEXT.linkSite)));
  code.if(is(OUTCOME.leave + STATUS.done), () => exits.leave(STATUS.done));
  code.if(is(OUTCOME.leave + STATUS.shadow), () => exits.leave(STATUS.shadow));
  exits.stop(i32.sub(code.get(outcome), i32.const(OUTCOME.stop)));
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
  const found = load.i32(code.get(entry), JUMP_CACHE.block);
  code.set(entry, jumpCacheEntry(code.get(l.context), code.get(l.rip)));
  code.if(i64.eq(load.i64(code.get(entry), JUMP_CACHE.rip), code.get(l.rip)), () => {
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

/** They belong to the second module. */
const NO_ROUTINES: Routines = { functions: new Map(), insert: () => undefined };

/** The interpreter as a WebAssembly module: generated from the instruction semantics. */
export function emitInterpreter(plan: InterpreterPlan, variant: InterpreterVariant = {}): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory("host", "memory", { minimum: 1 });
  const slow = importSlowPath(module);
  const runRegions = module.importFunction("regions", "run", REGION_RUN_TYPE);
  const flagFunctions = defineFlagFunctions(module);
  const parts: Parts = { flagFunctions, slow, routines: NO_ROUTINES };
  const leaving = new Set<number>();
  const run = writeRun(module, parts, runRegions, plan, leaving, variant);
  // By handler number, with places for the second module's.
  const handlers = [...writeRepeats(module, plan.hot, leaving, parts), ...writeSlowFunctions(module, plan.cold, parts)];
  module.exportTable("handlers", handlers.length + plan.extension.length);
  module.elements(handlers);
  module.exportFunction("run", run);
  module.exportFunction("flags", flagFunctions.exported);
  return module.finish();
}
