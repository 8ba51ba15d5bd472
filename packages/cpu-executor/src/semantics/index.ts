import { arithmetic } from "./arithmetic.ts";
import { bitInstructions } from "./bits.ts";
import { bmi } from "./bmi.ts";
import { control } from "./control.ts";
import { cryptography } from "./crypto.ts";
import { data } from "./data.ts";
import { decimal } from "./decimal.ts";
import { extendedState } from "./extended-state.ts";
import { flagInstructions } from "./flag-instructions.ts";
import { interrupts } from "./interrupts.ts";
import { invalidation } from "./invalidation.ts";
import { logical } from "./logic.ts";
import { multiplication } from "./multiply.ts";
import { packedFloats } from "./packed-float.ts";
import { scalarConversions } from "./scalar-conversions.ts";
import { scalarFloats } from "./scalar-float.ts";
import { shifts } from "./shift.ts";
import { stack } from "./stack.ts";
import { strings } from "./string.ts";
import { stringComparisons } from "./string-compare.ts";
import { system } from "./system.ts";
import type { SemanticsTable } from "./table.ts";
import { vectorExtensions } from "./vector-extend.ts";
import { vectorMoves } from "./vector-moves.ts";
import { packedIntegers } from "./vector-packed.ts";
import { vectorRoutines } from "./vector-routines.ts";
import { vectorShifts } from "./vector-shifts.ts";
import { wideExchange } from "./wide-exchange.ts";
import { x87Instructions } from "./x87.ts";
import { x87Control } from "./x87-control.ts";

/** Every instruction the processor executes: one meaning each, for all back ends. What is absent raises #UD. */
export const SEMANTICS: SemanticsTable = {
  ...arithmetic,
  ...bitInstructions,
  ...control,
  ...data,
  ...decimal,
  ...flagInstructions,
  ...interrupts,
  ...invalidation,
  ...logical,
  ...multiplication,
  ...shifts,
  ...stack,
  ...strings,
  ...system,
  ...bmi,
  ...cryptography,
  ...extendedState,
  ...packedFloats,
  ...packedIntegers,
  ...scalarConversions,
  ...scalarFloats,
  ...stringComparisons,
  ...vectorExtensions,
  ...vectorMoves,
  ...vectorRoutines,
  ...vectorShifts,
  ...x87Control,
  ...x87Instructions,
  ...wideExchange,
};
