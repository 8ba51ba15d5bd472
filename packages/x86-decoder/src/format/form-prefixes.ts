import type { InstructionForm } from "../forms.ts";

/** Which prefixes mean something for a form, as bits. */
export const FORM_PREFIX = {
  /** F3 is REP, F2 REPNE. */
  rep: 1,
  /** F3 is REPE. */
  repe: 2,
  /** F2 is BND (SDM Vol 1, E.3.4). */
  bnd: 4,
  /** With LOCK, F2 is XACQUIRE and F3 XRELEASE (SDM Vol 1, 16.3.1). */
  hle: 8,
  /** As `hle`, even without LOCK: XCHG with memory. */
  hleWithoutLock: 16,
  /** F3 is XRELEASE, without LOCK: MOV to memory. */
  xrelease: 32,
  /** 3E is NOTRACK (SDM Vol 1, 17.3.4). */
  notrack: 64,
  /** 2E and 3E are branch hints (SDM Vol 2A, 2.1.1). */
  hints: 128,
} as const;

const REPEATED = /^(ins|outs|movs|lods|stos)[bwdq]$|^(x(store|crypt|sha)|montmul|ccs_|undoc)/;
const COMPARED = /^(cmps|scas)[bwdq]$/;

/** FORM_PREFIX bits of a form. */
export function formPrefixes(form: InstructionForm): number {
  const { mnemonic, operands, attributes, encoding } = form;
  const isString = /^[XY]/.test(operands[0] ?? "") || /^[XY]/.test(operands[1] ?? "");
  const isNear = !operands.some((code) => code === "Ap" || code === "Mp");
  let bits = 0;
  if ((isString || operands.length === 0) && REPEATED.test(mnemonic)) bits |= FORM_PREFIX.rep;
  if (isString && COMPARED.test(mnemonic)) bits |= FORM_PREFIX.repe;
  if (mnemonic === "ret" && operands.length === 0) bits |= FORM_PREFIX.rep;
  if (attributes.includes("flow=conditional") && /J[bz]$/.test(operands[0] ?? "") && !/^(loop|jrcxz)/.test(mnemonic)) {
    bits |= FORM_PREFIX.bnd | FORM_PREFIX.hints;
  }
  if ((mnemonic === "call" || mnemonic === "jmp" || mnemonic === "ret") && isNear && operands[0] !== "Jb") {
    bits |= FORM_PREFIX.bnd;
  }
  if ((mnemonic === "call" || mnemonic === "jmp") && /^E/.test(operands[0] ?? "")) bits |= FORM_PREFIX.notrack;
  if (mnemonic === "xchg" && operands[0]?.startsWith("E")) bits |= FORM_PREFIX.hleWithoutLock;
  else if (form.lock) bits |= FORM_PREFIX.hle;
  if (mnemonic === "mov" && /^(88|89|C6|C7)/.test(encoding)) bits |= FORM_PREFIX.xrelease;
  return bits;
}
