import { type FunctionBuilder, type I32, i32, i64, load, type ModuleBuilder } from "@likex/wasm-emitter";
import { CONTEXT, JUMP_CACHE, NOT_RESUMED, RFLAGS, SEGMENT } from "../context.ts";
import { jumpCacheEntry } from "../jump-cache.ts";
import { BLOCK, RECORD } from "../record.ts";
import { ENTER, PORT_DETAIL, STATUS } from "../status.ts";

/** Flags with which a run does not begin at once: traps, who accesses memory, and what ends with the next instruction. */
const LOOKED_AT = RFLAGS.tf | RFLAGS.ac | RFLAGS.rf;
const IOPL_SHIFT = 12;
const DPL_SHIFT = 5;
const STACK_RIGHTS = CONTEXT.segmentRegisters + SEGMENT.ss * 16 + 4;

/**
 * enter(context, budget, held): sets the budget, and runs from the instruction pointer where the jump cache has the block and no
 * flag asks for more. What system software is told of each IN and OUT is put together here, for emitted code needs no checks
 * to read the context: returns ENTER.port plus the instruction's length where a port access that IOPL allows has stopped,
 * the instruction pointer at it; ENTER.notEntered where nothing has been run; else a STATUS.
 */
export function writeEnter(module: ModuleBuilder, run: FunctionBuilder): FunctionBuilder {
  const code = module.function("interpreter.enter", ["i32", "i32", "i32"], ["i32"]);
  const context = code.param(0, "i32");
  const budget = code.param(1, "i32");
  const held = code.param(2, "i32");
  const flags = code.local("i32");
  const ripLow = code.local("i32");
  const entry = code.local("i32");
  const status = code.local("i32");
  const length = code.local("i32");
  const at = (): I32 => code.get(context);
  const field = (offset: number): I32 => load.i32(at(), offset);

  code.store("i32", at(), code.get(budget), CONTEXT.budget);
  // By its halves: the low one has been written alone, and processors wait before they forward two stores to one load.
  code.set(ripLow, field(CONTEXT.rip));
  code.set(entry, jumpCacheEntry(at(), i64.extendU(code.get(ripLow))));
  const differs = i32.or(
    i32.xor(load.i32(code.get(entry), JUMP_CACHE.rip), code.get(ripLow)),
    i32.xor(load.i32(code.get(entry), JUMP_CACHE.rip + 4), field(CONTEXT.rip + 4)),
  );
  const isLookedAt = i32.and(field(CONTEXT.flagRest), i32.const(LOOKED_AT));
  code.if(i32.or(isLookedAt, differs), () => code.return(i32.const(ENTER.notEntered)));
  code.set(status, code.call("i32", run, at(), load.i32(code.get(entry), JUMP_CACHE.block)));
  const isResumed = i32.ne(field(CONTEXT.resumed), i32.const(NOT_RESUMED));
  code.if(i32.or(i32.ne(code.get(status), i32.const(STATUS.port)), isResumed), () => code.return(code.get(status)));
  code.set(flags, field(CONTEXT.flagRest));
  const isString = i32.and(field(CONTEXT.stopDetail), i32.const(PORT_DETAIL.string));
  const isVirtual8086 = i32.and(code.get(flags), i32.const(RFLAGS.vm));
  const cpl = i32.and(i32.shrU(field(STACK_RIGHTS), i32.const(DPL_SHIFT)), i32.const(3));
  const iopl = i32.and(i32.shrU(code.get(flags), i32.const(IOPL_SHIFT)), i32.const(3));
  code.if(i32.or(i32.or(isString, isVirtual8086), i32.gtU(cpl, iopl)), () => code.return(code.get(status)));
  code.store("i32", at(), i32.add(field(CONTEXT.budget), code.get(held)), CONTEXT.budget);
  code.set(length, load.u8(field(CONTEXT.stopRecord), RECORD.length));
  const end = load.i64(field(CONTEXT.block), BLOCK.end);
  code.store("i64", at(), i64.sub(end, i64.extendU(code.get(length))), CONTEXT.rip);
  code.return(i32.add(code.get(length), i32.const(ENTER.port)));
  code.unreachable();
  return code;
}
