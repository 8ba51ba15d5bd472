import { BITS } from "./bits.ts";
import type { RoutineSource } from "./compile.ts";
import { ROUTINE_CONSTANTS } from "./constants.ts";
import { CRYPTO } from "./crypto.ts";
import { FLOAT_CORE } from "./float-core.ts";
import { MEMORY } from "./memory.ts";
import { SSE_FLOAT } from "./sse-float.ts";
import { STRING_COMPARE } from "./string-compare.ts";
import { TRANSCENDENTAL } from "./transcendental.ts";
import { VECTOR_FLOAT } from "./vector-float.ts";
import { VECTOR_LANES } from "./vector-lanes.ts";
import { X87_ARITHMETIC } from "./x87-arithmetic.ts";
import { X87_CONTROL } from "./x87-control.ts";
import { X87_CORE } from "./x87-core.ts";
import { X87_QUICK } from "./x87-quick.ts";
import { X87_QUICK_MOVES } from "./x87-quick-moves.ts";
import { X87_TRANSFER } from "./x87-transfer.ts";

/** Every routine that instruction semantics call. */
export const ROUTINES: readonly RoutineSource[] = [
  ...[FLOAT_CORE, SSE_FLOAT, VECTOR_FLOAT, VECTOR_LANES, CRYPTO, STRING_COMPARE, BITS, MEMORY],
  ...[X87_CORE, X87_ARITHMETIC, X87_TRANSFER, X87_CONTROL, X87_QUICK, X87_QUICK_MOVES, TRANSCENDENTAL],
].map((text) => ({ text, constants: ROUTINE_CONSTANTS }));
