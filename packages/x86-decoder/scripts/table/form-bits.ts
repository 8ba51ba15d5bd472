import { FORM_BITS, IMMEDIATE, SPECIAL_REG, STRING_SEGMENT } from "../../src/layout.ts";
import type { TableForm } from "./form.ts";

const IMMEDIATE_KINDS: Readonly<Record<string, number>> = {
  "": IMMEDIATE.none,
  Ib: IMMEDIATE.byte,
  Ibs: IMMEDIATE.signedByte,
  Iw: IMMEDIATE.word,
  Iz: IMMEDIATE.upTo32,
  Iv: IMMEDIATE.upTo64,
  Jb: IMMEDIATE.signedByte,
  Jz: IMMEDIATE.branch,
  Ap: IMMEDIATE.farPointer,
  "Iw Ib": IMMEDIATE.wordAndByte,
  Ob: IMMEDIATE.moffs,
  Ov: IMMEDIATE.moffs,
};

function specialReg(form: TableForm): number {
  if (form.operands[0] === "Sw") return SPECIAL_REG.segmentDestination;
  if (form.operands.includes("Sw")) return SPECIAL_REG.segment;
  if (form.operands.includes("Cy")) return SPECIAL_REG.control;
  if (form.operands.includes("Dy")) return SPECIAL_REG.debug;
  return SPECIAL_REG.none;
}

function stringSegment(form: TableForm): number {
  if (form.mnemonic === "xlatb" || form.operands.some((code) => /^X[bwdq]$/.test(code))) return STRING_SEGMENT.source;
  return form.operands.some((code) => /^Y[bwdq]$/.test(code)) ? STRING_SEGMENT.destination : STRING_SEGMENT.none;
}

/** What the decoder must know of a form, packed as src/layout.ts says. */
export function formBits(form: TableForm): number {
  const immediates = form.operands.filter((code) => /^[IJAO][bwvzps]/.test(code)).join(" ");
  const immediate = IMMEDIATE_KINDS[immediates];
  if (immediate === undefined) throw new Error(`instruction table: immediates "${immediates}" of "${form.encoding}"`);
  const special = specialReg(form);
  return (
    (form.hasModrm ? FORM_BITS.modrm : 0) |
    (immediate << FORM_BITS.immediateShift) |
    (form.sizeRule === "d64" ? FORM_BITS.default64 : 0) |
    (form.sizeRule === "f64" ? FORM_BITS.force64 : 0) |
    (form.lock ? FORM_BITS.lock : 0) |
    (form.consumes66 ? FORM_BITS.consumes66 : 0) |
    (form.registerInOpcode ? FORM_BITS.registerInOpcode : 0) |
    (special << FORM_BITS.specialRegShift) |
    (stringSegment(form) << FORM_BITS.stringShift)
  );
}
