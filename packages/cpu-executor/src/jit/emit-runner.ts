import { i32, i64, load, ModuleBuilder, select } from "@likex/wasm-emitter";
import { CONTEXT, JUMP_CACHE } from "../context.ts";
import { defineFlagFunctions } from "../interpreter/flag-functions.ts";
import { jumpCacheEntry } from "../jump-cache.ts";
import { BLOCK } from "../record.ts";
import { REGION_OUTCOME, REGION_RUN_TYPE, REGION_TYPE, RUN_OUTCOME } from "../region-type.ts";

/**
 * Emits a function that runs regions one after the other, for as long as the jump cache has a compiled block for where the last
 * one ended, and counts for each region the guest instructions that it has executed: 8 bytes at CONTEXT.regionCounters + position * 8.
 */
export function emitRunner(): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory("host", "memory", { minimum: 1 });
  const code = module.function("regions.run", REGION_RUN_TYPE.params, REGION_RUN_TYPE.results);
  const context = code.param(0, "i32");
  const block = code.param(1, "i32");
  const region = code.local("i32");
  const outcome = code.local("i32");
  const budget = code.local("i32");
  const counter = code.local("i32");
  const entry = code.local("i32");
  const rip = code.local("i64");
  const at = code.get(context);
  const original = load.i32(code.get(block), BLOCK.original);
  // Regions take the kind of segments for granted, and cannot change it.
  const isOtherMode = i32.ne(load.i32(at, CONTEXT.codeMode), load.u8(code.get(block), BLOCK.bits));
  code.if(isOtherMode, () => code.return(original));
  code.set(budget, load.i32(at, CONTEXT.budget));
  code.loop((next) => {
    code.set(region, load.i32(code.get(block), BLOCK.region));
    const type = module.typeIndex(REGION_TYPE);
    const which = load.i32(code.get(block), BLOCK.entry);
    code.set(outcome, code.callIndirect("i32", type, code.get(region), at, which));
    code.set(counter, i32.add(load.i32(at, CONTEXT.regionCounters), i32.shl(code.get(region), i32.const(3))));
    const executed = i64.extendU(i32.sub(code.get(budget), load.i32(at, CONTEXT.budget)));
    code.store("i64", code.get(counter), i64.add(load.i64(code.get(counter)), executed));
    code.set(budget, load.i32(at, CONTEXT.budget));
    code.set(rip, load.i64(at, CONTEXT.rip));
    code.set(entry, jumpCacheEntry(at, code.get(rip)));
    const isJump = i32.eq(code.get(outcome), i32.const(REGION_OUTCOME.jump));
    code.if(i64.ne(load.i64(code.get(entry), JUMP_CACHE.rip), code.get(rip)), () => {
      // No branch to take back where there may be no code: regions have none that leads there.
      code.store("i32", at, i32.const(0), CONTEXT.stopRecord);
      code.return(select(isJump, i32.const(RUN_OUTCOME.lookup), i32.const(RUN_OUTCOME.resume)));
    });
    code.set(block, load.i32(code.get(entry), JUMP_CACHE.block));
    code.if(i32.eqz(original), () => code.return(code.get(block)));
    code.brIf(next, isJump);
    code.return(original);
  });
  code.unreachable();
  module.exportTable("regions", 1);
  module.exportFunction("run", code);
  // Of all regions: a module of their own would be larger than most of those.
  for (const written of defineFlagFunctions(module).written) module.exportFunction(written.name, written);
  return module.finish();
}
