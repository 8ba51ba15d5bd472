/** Names that say what a comparison's immediate says (SDM Vol 2, CMPPS, VCMPPS, VPCMPB, PCLMULQDQ; APM Vol 6, VPCOMB). */

const SSE_PREDICATES = "eq lt le unord neq nlt nle ord";
const AVX_PREDICATES = `${SSE_PREDICATES} eq_uq nge ngt false neq_oq ge gt true
  eq_os lt_oq le_oq unord_s neq_us nlt_uq nle_uq ord_s eq_us nge_uq ngt_uq false_os neq_os ge_oq gt_oq true_us`;
const INTEGER_PREDICATES = "eq lt le false neq nlt nle true";
const XOP_PREDICATES = "lt le gt ge eq neq false true";

/** Mnemonic, the part of it that the predicate follows, predicates by immediate. */
const FAMILIES: readonly (readonly [RegExp, string])[] = [
  [/^(cmp)([ps][sd])$/, SSE_PREDICATES],
  [/^(vcmp)([ps][sdh])$/, AVX_PREDICATES],
  [/^(vpcmp)(u?[bwdq])$/, INTEGER_PREDICATES],
  [/^(vpcom)(u?[bwdq])$/, XOP_PREDICATES],
];

const MULTIPLICATION: Readonly<Record<number, string>> = { 0: "lql", 1: "hql", 16: "lqh", 17: "hqh" };

export function pseudoOperations(mnemonic: string, operands: readonly string[]): ReadonlyMap<number, string> | undefined {
  if (operands.at(-1) !== "Ib") return undefined;
  const m = /^(v?pclmul)qdq$/.exec(mnemonic);
  if (m !== null) return new Map(Object.entries(MULTIPLICATION).map(([k, h]) => [Number(k), `${m[1]}${h}qdq`]));
  for (const [pattern, predicates] of FAMILIES) {
    const match = pattern.exec(mnemonic);
    if (match !== null) return new Map(predicates.split(/\s+/).map((p, i) => [i, `${match[1]}${p}${match[2]}`]));
  }
  return undefined;
}
