/** Comparison predicates of CMPPS and its kin (SDM Vol 2A, CMPPS, table 3-1; VEX and EVEX: table 3-3). */
const PREDICATES = (
  "eq lt le unord neq nlt nle ord eq_uq nge ngt false neq_oq ge gt true " +
  "eq_os lt_oq le_oq unord_s neq_us nlt_uq nle_uq ord_s eq_us nge_uq ngt_uq false_os neq_os ge_oq gt_oq true_us"
).split(" ");

/** Predicates of VPCMPB and its kin (SDM Vol 2C, VPCMPB). */
const INTEGER_PREDICATES = "eq lt le false neq nlt nle true".split(" ");

/** Predicates of VPCOMB and its kin (APM Vol 6, VPCOMB). */
const XOP_PREDICATES = "lt le gt ge eq neq false true".split(" ");

const LEGACY_PREDICATES = PREDICATES.slice(0, 8);

/** Which halves PCLMULQDQ multiplies, by immediate (SDM Vol 2B, PCLMULQDQ, table 4-13). */
const HALVES: Readonly<Record<number, string>> = { 0: "lqlq", 1: "hqlq", 16: "lqhq", 17: "hqhq" };

const RULES: readonly (readonly [pattern: RegExp, names: readonly string[] | Readonly<Record<number, string>>])[] = [
  [/^(cmp)([ps][sd])$/, LEGACY_PREDICATES],
  [/^(vcmp)([ps][sdh])$/, PREDICATES],
  [/^(vpcmp)(u?[bwdq])$/, INTEGER_PREDICATES],
  [/^(vpcom)(u?[bwdq])$/, XOP_PREDICATES],
  [/^(v?pclmul)qdq$/, HALVES],
];

/**
 * Names that say what the immediate of an instruction says, so that it can be left out, by immediate; undefined for
 * instructions that have none. `operands` are the form's operand codes.
 */
export function pseudoOperations(
  mnemonic: string,
  operands: readonly string[],
): ReadonlyMap<number, string> | undefined {
  if (operands.at(-1) !== "Ib") return undefined;
  for (const [pattern, names] of RULES) {
    const match = pattern.exec(mnemonic);
    if (match === null) continue;
    const [, before = "", after = "dq"] = match;
    return new Map(Object.entries(names).map(([value, name]) => [Number(value), `${before}${name}${after}`]));
  }
  return undefined;
}
