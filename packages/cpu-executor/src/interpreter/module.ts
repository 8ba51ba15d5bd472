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
import { PAGE_FAULT_DELIVERY } from "../shapes.ts";
import { STATUS } from "../status.ts";
import type { Exits, InterpreterFrame } from "./builder.ts";
import { writeEnter } from "./enter.ts";
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
import { defineSlowPath } from "./slow-path.ts";

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
  const type = module.typeIndex(SLOW_FUNCTION_TYPE);
  const callHandler = (handler: I32): I32 =>
    code.callIndirect("i32", type, handler, contextOf(), code.get(record), code.get(block));
  const deliver = (): I32 => callHandler(i32.const(numberOf(plan, PAGE_FAULT_DELIVERY)));
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
                // A repetition's own function does several elements, and accounts for them.
                if (repeats(handler)) {
                  save();
                  leaveIf(i32.const(1));
                } else writeHandler(frame, handler, variant.builder);
                if (endsBlock(handler)) code.unreachable();
                else advance(handler.shapes.length);
              },
              () => code.br(miss),
            );
            code.unreachable();
          });
          variant.store?.(frame);
          writeRegionCall(runRegions, frame, { block, record, budget }, save);
          // Who writes decoded code asks whether that is the block's own (OwnCodeWrites).
          code.store("i32", contextOf(), code.get(block), CONTEXT.block);
          code.set(status, callHandler(load.u16(code.get(record))));
          variant.load?.(frame);
          writeOutcome(frame, { outcome: status, budget, deliver }, advance);
          code.unreachable();
        });
        code.unreachable();
      });
      writeJump(code, { context, block, record, rip, linkSite }, enter, save);
    });
    // The instruction at `record` did not happen: take it and those behind it back from the count.
    code.set(budget, i32.add(code.get(budget), notHappened(frame)));
    save();
    code.store("i32", contextOf(), code.get(record), CONTEXT.stopRecord);
    code.store("i32", contextOf(), code.get(block), CONTEXT.block);
    code.return(code.get(status));
  });
  code.unreachable();
  return code;
}

/** Instructions of the block from `record` on. */
const notHappened = ({ code, record, block }: InterpreterFrame): I32 =>
  i32.sub(load.i32(code.get(block), BLOCK.count), load.u8(code.get(record), RECORD.index));

/** Sets CONTEXT.rip to where the instruction at `record` is. */
function writeLocation({ code, context, record, block }: InterpreterFrame): void {
  const at = code.local("i32");
  const rip = code.local("i64");
  code.set(rip, load.i64(code.get(block), BLOCK.rip));
  code.set(at, i32.add(code.get(block), i32.const(BLOCK.size)));
  code.loop((next) =>
    code.if(i32.ltU(code.get(at), code.get(record)), () => {
      code.set(rip, i64.add(code.get(rip), i64.extendU(load.u8(code.get(at), RECORD.length))));
      code.set(at, i32.add(code.get(at), i32.const(RECORD.size)));
      code.br(next);
    }),
  );
  code.store("i64", code.get(context), code.get(rip), CONTEXT.rip);
}

const repeats = ({ shapes: [shape] }: Handler): boolean => shape !== undefined && shape.repeat !== "none";

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

interface OutcomeParts {
  readonly outcome: Local<"i32">;
  readonly budget: Local<"i32">;
  /** Calls PAGE_FAULT_DELIVERY's function. */
  readonly deliver: () => I32;
}

/** Goes on as a function beside the main one says. */
function writeOutcome(
  frame: InterpreterFrame,
  { outcome, budget, deliver }: OutcomeParts,
  advance: (records: number) => void,
): void {
  const { code, context, exits } = frame;
  const is = (value: number): I32 => i32.eq(code.get(outcome), i32.const(value));
  const at = code.get(context);
  const goToRip = (linkSite: I32): void => exits.jump(load.i64(at, CONTEXT.rip), linkSite);
  code.if(is(OUTCOME.next), () => advance(1));
  code.if(is(OUTCOME.jump), () => goToRip(load.i32(at, CONTEXT.linkSite)));
  code.if(is(OUTCOME.stop + STATUS.resumed), () => {
    code.store("i32", at, code.get(budget), CONTEXT.resumed);
    goToRip(i32.const(0));
  });
  code.if(is(OUTCOME.stop + STATUS.pageFault), () => {
    writeLocation(frame);
    code.set(outcome, deliver());
    code.if(is(OUTCOME.jump), () => {
      // The instruction and those behind it did not happen; the delivery takes one, so that no guest can fault for ever.
      code.set(budget, i32.sub(i32.add(code.get(budget), notHappened(frame)), i32.const(1)));
      code.store("i32", at, i32.add(load.i32(at, CONTEXT.deliveries), i32.const(1)), CONTEXT.deliveries);
      goToRip(i32.const(0));
    });
  });
  code.if(is(OUTCOME.enter), () => exits.enter(load.i32(at, CONTEXT.linkSite)));
  const reload = (): void => code.set(budget, load.i32(at, CONTEXT.budget));
  code.if(is(OUTCOME.jumpCounted), () => {
    reload();
    goToRip(load.i32(at, CONTEXT.linkSite));
  });
  code.if(is(OUTCOME.enterCounted), () => {
    reload();
    exits.enter(load.i32(at, CONTEXT.linkSite));
  });
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

function numberOf(plan: InterpreterPlan, mnemonic: string): number {
  const isNamed = ({ shapes: [shape] }: Handler): boolean => shape?.mnemonic === mnemonic;
  return plan.hot.length + plan.cold.findIndex(isNamed);
}

/** They belong to the second module. */
const NO_ROUTINES: Routines = { functions: new Map(), insert: () => undefined };

/** The interpreter as a WebAssembly module: generated from the instruction semantics. */
export function emitInterpreter(plan: InterpreterPlan, variant: InterpreterVariant = {}): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory("host", "memory", { minimum: 1 });
  const imported = importSlowPath(module);
  const watched = module.importFunction("slow", "watched", { params: ["i32", "i32"], results: ["i32"] });
  const runRegions = module.importFunction("regions", "run", REGION_RUN_TYPE);
  const flagFunctions = defineFlagFunctions(module);
  // Behind all handlers: the Mmu's translation is put there when there is one.
  const translate = plan.hot.length + plan.cold.length + plan.extension.length;
  const slow = defineSlowPath(module, { ...imported, watched }, { translate });
  const parts: Parts = { flagFunctions, slow, routines: NO_ROUTINES };
  const leaving = new Set<number>();
  const run = writeRun(module, parts, runRegions, plan, leaving, variant);
  // By handler number, with places for the second module's.
  const handlers = [...writeRepeats(module, plan.hot, leaving, parts), ...writeSlowFunctions(module, plan.cold, parts)];
  module.exportTable("handlers", translate + 1);
  module.elements(handlers);
  module.exportFunction("run", run);
  module.exportFunction("enter", writeEnter(module, run));
  module.exportFunction("flags", flagFunctions.exported);
  for (const name of ["read", "write", "probe"] as const) module.exportFunction(name, slow[name]);
  return module.finish();
}
