import type { InstructionForm } from "../forms.ts";
import { parseOperandCode, SOURCE } from "../operand-codes.ts";
import { REGISTER_BYTES } from "../registers.ts";
import type { MemorySizeRule } from "./styles.ts";

/** Size keywords of the syntaxes with "ptr", by bytes. */
export const pointerSizes = (others: Readonly<Record<number, string>>): Readonly<Record<number, string>> => ({
  1: "byte ptr",
  2: "word ptr",
  4: "dword ptr",
  6: "fword ptr",
  8: "qword ptr",
  10: "tbyte ptr",
  16: "xmmword ptr",
  32: "ymmword ptr",
  64: "zmmword ptr",
  ...others,
});

/** Whether an operand code is a register that says the size of the others. */
const isRegister = (code: string): boolean => /^(G|V|H|P|KG|B|L|TG|S$|Sw|[CD]$)/.test(code) && !code.includes("/M");

/** Instructions whose memory operand has no other size than one, or none at all. */
const SIZE_IS_KNOWN = new Set(
  (
    "cmpxchg16b sgdt sidt invlpg xsave xsave64 xrstor xrstor64 xsaveopt xsaveopt64 xrstors xrstors64 xsavec xsavec64 " +
    "xsaves xsaves64 clflush clflushopt clwb prefetch prefetchw prefetchwt1 prefetchnta prefetcht0 prefetcht1 prefetcht2 " +
    "prefetchit1 prefetchit0 fldcw fnstcw fnstsw fxsave fxsave64 fxrstor fxrstor64 ldmxcsr stmxcsr aesencwide128kl " +
    "aesdecwide128kl aesencwide256kl aesdecwide256kl ldtilecfg sttilecfg vgatherpf0dps vgatherpf0dpd vgatherpf1dps " +
    "vgatherpf1dpd vscatterpf0dps vscatterpf0dpd vscatterpf1dps vscatterpf1dpd vgatherpf0qps vgatherpf0qpd vgatherpf1qps " +
    "vgatherpf1qpd vscatterpf0qps vscatterpf0qpd vscatterpf1qps vscatterpf1qpd"
  ).split(" "),
);

/** Further ones, to which MASM gives a size. */
const SIZE_IS_KNOWN_BUT_IN_MASM = new Set(
  (
    "seto setno setb setae sete setne setbe seta sets setns setp setnp setl setge setle setg cmpxchg8b sldt str lldt ltr " +
    "verr verw lgdt lidt smsw lmsw rstorssp vmptrld vmclear vmxon vmptrst clrssbsy cldemote lkgs vldmxcsr vstmxcsr"
  ).split(" "),
);

/** Instructions of whose memory operand the registers do not say the size. */
const SIZE_IS_OPEN =
  /^(movzx|movsx|crc32|v?cvtu?si2s[sdh]|vcvt(t?pd2u?dq|pd2p[sh]|u?[dq]q2p[sh]|neps2bf16|ps2phx)|vfpclassp[sdh])$/;

/**
 * Where a conversion halves its operand, the destination of 512 bits is a YMM register and says what the source is, but
 * those of 256 and 128 bits both are XMM registers.
 */
function conversionRule(operands: readonly string[]): MemorySizeRule {
  return operands[0] === "Vh" ? "below512" : /^V(x|ps|pd|oo|qq)$/.test(operands[0] ?? "") ? "never" : "always";
}

function sizeRule({ mnemonic, operands }: InstructionForm): MemorySizeRule {
  if (SIZE_IS_KNOWN.has(mnemonic) || SIZE_IS_KNOWN_BUT_IN_MASM.has(mnemonic)) return "never";
  if (operands.some((code) => code.startsWith("O"))) return "never";
  if (SIZE_IS_OPEN.test(mnemonic)) return conversionRule(operands);
  return operands.some(isRegister) ? "never" : "always";
}

/** Intel: sizes stand where nothing else says them. */
export function sizeRuleOfIntel(form: InstructionForm): MemorySizeRule {
  if (form.mnemonic === "bound") return "always";
  return form.mnemonic === "nop" || form.mnemonic === "reservednop" ? "never" : sizeRule(form);
}

/** MASM: sizes stand unless a register is as wide as the memory. */
export function sizeRuleOfMasm(form: InstructionForm): MemorySizeRule {
  const { mnemonic, operands } = form;
  if (SIZE_IS_KNOWN.has(mnemonic)) return "never";
  if (operands.some((code) => /^(O|M$)/.test(code))) return "never";
  const memory = operands.find((code) => isMemory(code));
  if (memory === undefined || memory.includes("/vm")) return "never";
  const { sizes } = parseOperandCode(memory, false);
  const length = /^E?VEX\.(256|512)/.exec(form.encoding)?.[1];
  const i = length === undefined ? 0 : length === "256" ? 1 : 2;
  const isAsWide = operands.some((code) => {
    if (code === memory || isImmediate(code)) return false;
    const { source, classes } = parseOperandCode(code, false);
    return source !== SOURCE.fixed && REGISTER_BYTES[classes[i] ?? 0] === sizes[i];
  });
  return isAsWide ? "never" : "always";
}

const isImmediate = (code: string): boolean => /^[IJA1]/.test(code);

const isMemory = (code: string): boolean => /^([EWMQ]|KW)/.test(code) || code.includes("/M");

/** NASM: as Intel. */
export const sizeRuleOfNasm: (form: InstructionForm) => MemorySizeRule = sizeRule;
