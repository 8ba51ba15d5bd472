import { type I32, type I64, i32, i64, load } from "@likex/wasm-emitter";
import { PAGE_MARKS } from "../context.ts";
import { LARGE_PAGE_SHIFTS } from "../large-pages.ts";

/** The mark of a linear address for a size of large pages (LARGE_PAGE_SHIFTS), as LargePages has it in a context. */
export function largePageMark(context: I32, linear: I64, size: number): I32 {
  const shift = LARGE_PAGE_SHIFTS[size] as number;
  const high = i32.wrap(i64.shrU(linear, i64.const(32)));
  const region = i32.xor(i32.wrap(i64.shrU(linear, i64.const(shift))), i32.shrU(high, i32.const(3)));
  const mark = i32.and(region, i32.const(PAGE_MARKS.largeOfSize - 1));
  return load.u8(i32.add(context, mark), PAGE_MARKS.large + size * PAGE_MARKS.largeOfSize);
}
