import { BITS } from "./bits.ts";
import type { RoutineSource } from "./compile.ts";
import { ROUTINE_CONSTANTS } from "./constants.ts";
import { CRYPTO } from "./crypto.ts";
import { FLOAT_CORE } from "./float-core.ts";
import { MEMORY } from "./memory.ts";
import { SSE_FLOAT } from "./sse-float.ts";
import { STRING_COMPARE } from "./string-compare.ts";
import { TRANSCENDENTAL_SERIES } from "./transcendental-series.ts";
import { VECTOR_FLOAT } from "./vector-float.ts";
import { VECTOR_LANES } from "./vector-lanes.ts";
import { WIDE_NUMBERS } from "./wide-numbers.ts";
import { X87_ANGLES } from "./x87-angles.ts";
import { X87_ARC_TANGENT } from "./x87-arc-tangent.ts";
import { X87_ARITHMETIC } from "./x87-arithmetic.ts";
import { X87_CONTROL } from "./x87-control.ts";
import { X87_CORE } from "./x87-core.ts";
import { X87_LOGARITHMS } from "./x87-logarithms.ts";
import { X87_QUICK } from "./x87-quick.ts";
import { X87_QUICK_MOVES } from "./x87-quick-moves.ts";
import { X87_TRANSCENDENTAL } from "./x87-transcendental.ts";
import { X87_TRANSFER } from "./x87-transfer.ts";

/** Every routine that instruction semantics call. */
export const ROUTINES: readonly RoutineSource[] = [
  ...[FLOAT_CORE, SSE_FLOAT, VECTOR_FLOAT, VECTOR_LANES, CRYPTO, STRING_COMPARE, BITS, MEMORY],
  ...[X87_CORE, X87_ARITHMETIC, X87_TRANSFER, X87_CONTROL, X87_QUICK, X87_QUICK_MOVES],
  ...[TRANSCENDENTAL_SERIES, WIDE_NUMBERS, X87_LOGARITHMS, X87_ANGLES, X87_ARC_TANGENT, X87_TRANSCENDENTAL],
].map((text) => ({ text, constants: ROUTINE_CONSTANTS }));
