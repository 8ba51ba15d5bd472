import { arithmetic } from "./arithmetic.ts";
import { bitInstructions } from "./bits.ts";
import { control } from "./control.ts";
import { data } from "./data.ts";
import { decimal } from "./decimal.ts";
import { flagInstructions } from "./flag-instructions.ts";
import { logical } from "./logic.ts";
import { multiplication } from "./multiply.ts";
import { shifts } from "./shift.ts";
import { stack } from "./stack.ts";
import { strings } from "./string.ts";
import { system } from "./system.ts";
import type { SemanticsTable } from "./table.ts";
import { wideExchange } from "./wide-exchange.ts";

/** Every instruction the processor executes: one meaning each, for all back ends. What is absent raises #UD. */
export const SEMANTICS: SemanticsTable = {
  ...arithmetic,
  ...bitInstructions,
  ...control,
  ...data,
  ...decimal,
  ...flagInstructions,
  ...logical,
  ...multiplication,
  ...shifts,
  ...stack,
  ...strings,
  ...system,
  ...wideExchange,
};
