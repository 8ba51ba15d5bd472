import { load, type V128, type VectorUnary, v128 } from "@likex/wasm-emitter";
import type { SemanticsBuilder } from "./builder.ts";
import type { SemanticsEntry, SemanticsTable } from "./table.ts";
import { checkVector, memorySource, register, source } from "./vector-access.ts";

/** The source's low bytes as a vector; the others are not used. */
function lowBytes(b: SemanticsBuilder, bytes: 2 | 4 | 8): V128 {
  // In memory there may be nothing behind them.
  if (b.operand(1).kind !== "memory") return source(b, 1).vector();
  const address = memorySource(b, 1);
  if (bytes === 8) return v128.load64(address);
  return bytes === 4 ? v128.load32(address) : v128.splat("i16x8_splat", load.u16(address));
}

const STEPS: readonly VectorUnary[] = [
  "i16x8_extend_low_i8x16_s",
  "i32x4_extend_low_i16x8_s",
  "i64x2_extend_low_i32x4_s",
];

/** PMOVSX and PMOVZX: lanes of 2^from bytes widened to 2^to bytes, one doubling after the other. */
function extend(from: number, to: number, sign: "s" | "u"): SemanticsEntry {
  const bytes = (16 >> (to - from)) as 2 | 4 | 8;
  return {
    extension: true,
    write: (b) => {
      checkVector(b);
      let value = lowBytes(b, bytes);
      for (const step of STEPS.slice(from, to)) value = v128.unary(step.replace(/s$/, sign) as VectorUnary, value);
      register(b, 0).setVector(value);
    },
  };
}

const LANES = ["b", "w", "d", "q"];

export const vectorExtensions: SemanticsTable = Object.fromEntries(
  (["s", "u"] as const).flatMap((sign) =>
    LANES.flatMap((to, toSize) =>
      LANES.slice(0, toSize).map((from, fromSize): [string, SemanticsEntry] => [
        `pmov${sign === "s" ? "sx" : "zx"}${from}${to}`,
        extend(fromSize, toSize, sign),
      ]),
    ),
  ),
);
