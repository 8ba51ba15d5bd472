import { FORM_BITS, IMMEDIATE, RULES, SPECIAL_REG, STRING_SEGMENT } from "../../src/layout.ts";
import { isVectorEncoded, type TableForm } from "./form.ts";

const IMMEDIATE_KINDS: Readonly<Record<string, number>> = {
  "": IMMEDIATE.none,
  Ib: IMMEDIATE.byte,
  Ibs: IMMEDIATE.signedByte,
  Iw: IMMEDIATE.word,
  Id: IMMEDIATE.dword,
  Iz: IMMEDIATE.upTo32,
  Iv: IMMEDIATE.upTo64,
  Jb: IMMEDIATE.signedByte,
  Jz: IMMEDIATE.branch,
  Jzx: IMMEDIATE.branch,
  Ap: IMMEDIATE.farPointer,
  "Iw Ib": IMMEDIATE.wordAndByte,
  "Ib Ib": IMMEDIATE.twoBytes,
  Ob: IMMEDIATE.moffs,
  Ov: IMMEDIATE.moffs,
  L: IMMEDIATE.register,
  "L I4": IMMEDIATE.register,
};

function specialReg(form: TableForm): number {
  if (form.operands[0] === "Sw") return SPECIAL_REG.segmentDestination;
  if (form.operands.includes("Sw")) return SPECIAL_REG.segment;
  if (form.operands.includes("Cy")) return SPECIAL_REG.control;
  if (form.operands.includes("Dy")) return SPECIAL_REG.debug;
  if (form.operands.some((code) => /^(KG|TG)/.test(code))) return SPECIAL_REG.below8;
  if (form.space === "EVEX" && form.operands.some((code) => code.startsWith("G"))) return SPECIAL_REG.below16;
  return SPECIAL_REG.none;
}

function stringSegment(form: TableForm): number {
  if (form.mnemonic === "xlatb" || form.operands.some((code) => /^(X[bwdq]|Z[dq]+I)$/.test(code)))
    return STRING_SEGMENT.source;
  return form.operands.some((code) => /^Y[bwdq]$/.test(code)) ? STRING_SEGMENT.destination : STRING_SEGMENT.none;
}

/** Bytes of a memory operand by its size code; for codes by vector length those of 128 bits. */
const MEMORY_BYTES: Readonly<Record<string, number>> = {
  b: 1,
  w: 2,
  sh: 2,
  d: 4,
  ss: 4,
  q: 8,
  sd: 8,
  dq: 16,
  qq: 32,
  oo: 64,
  x: 16,
  ps: 16,
  pd: 16,
  ph: 16,
  h: 8,
  f: 4,
  e: 2,
};

const BY_LENGTH: ReadonlySet<string> = new Set(["x", "ps", "pd", "ph", "h", "f", "e"]);

/** The size code of the form's memory operand, "" without one. */
function memoryCode(form: TableForm): string {
  for (const code of form.operands) {
    const memory = /^(?:[EWMQ]|KW|[RU][a-z]+\/M)([a-z]+)/.exec(code);
    if (memory !== null) return memory[1] ?? "";
  }
  return "";
}

function disp8Rule(form: TableForm): number {
  const given = form.attributes.find((word) => word.startsWith("disp8="));
  if (given !== undefined) return Math.log2(Number(given.slice(6)));
  const code = memoryCode(form);
  if (code === "y") return 2 | RULES.disp8ByW;
  const bytes = MEMORY_BYTES[code];
  if (bytes === undefined) return 0;
  const shift = Math.log2(bytes);
  return BY_LENGTH.has(code) ? shift | RULES.disp8ByLength : shift;
}

/** The RULES word of a form. */
export function formRules(form: TableForm): number {
  const has = (word: string): boolean => form.attributes.includes(word);
  const broadcast = form.attributes.find((word) => /^b(16|32|64)$/.test(word));
  return (
    (form.space === "EVEX" ? disp8Rule(form) : 0) |
    (broadcast === undefined ? 0 : Math.log2(Number(broadcast.slice(1)) / 8) << RULES.broadcastShift) |
    (has("k") || has("k!") ? RULES.masking : 0) |
    (has("k!") ? RULES.maskRequired : 0) |
    (has("z") ? RULES.zeroing : 0) |
    (has("er") || has("er-ignored") || has("sae") ? RULES.embeddedRounding : 0) |
    (has("er") ? RULES.rounding : 0) |
    (has("unique") ? (form.operands.some((code) => code.startsWith("T")) ? RULES.uniqueTiles : RULES.unique) : 0) |
    (has("unique-destination") ? RULES.uniqueDestination : 0) |
    (form.operands.includes("Msib") ? RULES.sibRequired : 0) |
    (has("no66") ? RULES.no66 : 0) |
    (form.encoding.endsWith(" as32") ? RULES.address32 : 0) |
    (form.operands.includes("TU") ? RULES.rmBelow8 : 0) |
    (form.space === "EVEX" && /^[WM]/.test(form.operands[0] ?? "") ? RULES.destinationInRm : 0)
  );
}

/** Whether a form needs nothing but its ModRM byte, a register in the opcode, VEX.vvvv, an operand size and a plain immediate. */
function isShort(form: TableForm, bits: number): boolean {
  if (isVectorEncoded(form) && form.space !== "VEX") return false;
  const field = (shift: number, mask: number): number => (bits >> shift) & mask;
  return (
    field(FORM_BITS.specialRegShift, FORM_BITS.specialRegMask) === SPECIAL_REG.none &&
    field(FORM_BITS.stringShift, FORM_BITS.stringMask) === STRING_SEGMENT.none &&
    // Of 64-bit immediates the short path takes those that are cut to 32 bits.
    field(FORM_BITS.immediateShift, FORM_BITS.immediateMask) <= IMMEDIATE.upTo64 &&
    (bits & (FORM_BITS.vsib | FORM_BITS.hasRules | FORM_BITS.vvvvBelow8 | FORM_BITS.ignoresMod)) === 0
  );
}

/** What the decoder must know of a form, packed as src/layout.ts says. */
export function formBits(form: TableForm): number {
  const bits = fieldBits(form);
  return isShort(form, bits) ? bits : bits | FORM_BITS.notShort;
}

function fieldBits(form: TableForm): number {
  const immediates = form.operands
    .filter((code) => /^([IJAO][bwvzpsd]|L|I4)/.test(code))
    .map((code) => (code.startsWith("L") ? "L" : code))
    .join(" ");
  const immediate = IMMEDIATE_KINDS[immediates];
  if (immediate === undefined) throw new Error(`instruction table: immediates "${immediates}" of "${form.encoding}"`);
  const vvvv = form.operands.find((code) => /^(H|B|KH|TH)/.test(code));
  const rules = formRules(form);
  return (
    (form.hasModrm ? FORM_BITS.modrm : 0) |
    (immediate << FORM_BITS.immediateShift) |
    (form.sizeRule === "d64" ? FORM_BITS.default64 : 0) |
    (form.sizeRule === "f64" ? FORM_BITS.force64 : 0) |
    (form.lock ? FORM_BITS.lock : 0) |
    (form.consumes66 ? FORM_BITS.consumes66 : 0) |
    (form.registerInOpcode ? FORM_BITS.registerInOpcode : 0) |
    (specialReg(form) << FORM_BITS.specialRegShift) |
    (stringSegment(form) << FORM_BITS.stringShift) |
    (vvvv !== undefined ? FORM_BITS.vvvv : 0) |
    (vvvv !== undefined && /^[KT]/.test(vvvv) ? FORM_BITS.vvvvBelow8 : 0) |
    (form.operands.some((code) => code.includes("/vm")) ? FORM_BITS.vsib : 0) |
    (form.space === "EVEX" || rules !== 0 || form.operands.some((code) => code.includes("/vm"))
      ? FORM_BITS.hasRules
      : 0) |
    (form.operands.some((code) => /^[CD]y$/.test(code)) ? FORM_BITS.ignoresMod : 0)
  );
}
