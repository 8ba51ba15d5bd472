import { type I32, type I64, i32, load } from "@likex/wasm-emitter";
import { CONTEXT, JUMP_CACHE } from "./context.ts";

/** Address of the jump cache's entry for an instruction pointer. */
export function jumpCacheEntry(context: I32, rip: I64): I32 {
  const mixed = i32.shrU(i32.mul(i32.wrap(rip), i32.const(JUMP_CACHE.factor)), i32.const(JUMP_CACHE.shift));
  return i32.add(load.i32(context, CONTEXT.jumpCache), i32.and(mixed, load.i32(context, CONTEXT.jumpCacheMask)));
}
