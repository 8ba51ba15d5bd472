import { FORMS, type InstructionForm } from "@likex/x86-decoder";
import { INSTRUCTION_FACTS } from "../../src/generated/instruction-facts.ts";
import { FACT, hasFact } from "../../src/instruction-facts.ts";
import { semanticsName, shapeOf } from "../../src/shapes.ts";
import { type Assembler, POINTERS, REGISTERS } from "./assembler.ts";
import { encodingParts } from "./encoding-parts.ts";
import type { Random } from "./random.ts";

type Kind = "vector" | "x87";

const isX87 = (form: InstructionForm): boolean => /^D[89A-F] /.test(form.encoding);

/** What regions leave to the interpreter anyway, and what writes hundreds of bytes or switches everything off. */
const RARE = /^(fx|x)(save|rstor)|^fnsave|^frstor|^fldenv|^fninit|^emms|^maskmov|^xgetbv|^ldmxcsr/;

function formsOf(kind: Kind): readonly InstructionForm[] {
  return FORMS.filter((form) => {
    const isExtension = hasFact(INSTRUCTION_FACTS, semanticsName(form), FACT.extension);
    if (!isExtension || isX87(form) !== (kind === "x87")) return false;
    if (encodingParts(form).vex !== undefined) return false;
    return [false, true].some((memory) => shapeOf(form, 32, memory, "none") !== undefined);
  });
}

export const EXTENSION_FORMS = { vector: formsOf("vector"), x87: formsOf("x87") } as const;

/** What programs have most: chosen half of the time. */
const COMMON = {
  vector: EXTENSION_FORMS.vector.filter((form) =>
    /^(mov|add|sub|mul|div|u?comi|cvt|sqrt|min|max|cmp|pxor|pand|por|pcmpeq|pshufd|pmovmskb|unpck).*(?<!64)$/.test(
      form.mnemonic,
    ),
  ),
  x87: EXTENSION_FORMS.x87.filter((form) =>
    /^(fld|fst|fstp|fild|fistp|fi?add|fi?sub|fi?mul|fi?div|fxch|fu?comi|fchs|fabs)/.test(form.mnemonic),
  ),
} as const;

/** A memory operand is a multiple of 8 behind a pointer, which is one itself. */
const DISPLACEMENTS = 16;

/** One instruction of the second module, with a register or memory operand. */
export function extensionInstruction(a: Assembler, random: Random, kind: Kind): void {
  let form: InstructionForm;
  do form = random.pick(random.below(2) === 0 ? COMMON[kind] : EXTENSION_FORMS[kind]);
  while (RARE.test(form.mnemonic) && random.below(16) !== 0);
  encode(a, random, form);
}

/** An instruction of a form; nothing where the mode has none. */
export function encode(a: Assembler, random: Random, form: InstructionForm): void {
  const parts = encodingParts(form);
  if (parts.only === "64" && a.bits !== 64) return;
  if (parts.prefix !== undefined) a.put(parts.prefix);
  const isWide = a.bits === 64 && (parts.only === "64" || random.below(4) === 0);
  const rex = a.bits === 64 && !isX87(form) ? 0x40 | (isWide ? 8 : 0) | (random.below(4) === 0 ? 4 : 0) : 0;
  if (rex > 0x40) a.put(rex);
  for (const byte of parts.opcode) a.put(byte);
  if (parts.modrmRegister !== undefined) a.put(parts.modrmRegister + random.below(8));
  else if (parts.modrm !== "none") {
    const reg =
      typeof parts.modrm === "number"
        ? parts.modrm
        : random.pick(form.operands[0]?.startsWith("G") ? REGISTERS : NUMBERS);
    if (isMemoryForm(form, random)) {
      a.put(0x40 | (reg << 3) | random.pick(POINTERS), random.below(DISPLACEMENTS) * 8);
    } else a.put(0xc0 | (reg << 3) | random.pick(hasGeneralRm(form) ? REGISTERS : NUMBERS));
  }
  for (const code of form.operands) if (code === "Ib") a.put(random.below(256));
}

const NUMBERS: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7];

const hasGeneralRm = (form: InstructionForm): boolean => form.operands.some((code) => /^(E|R)/.test(code));

function isMemoryForm(form: InstructionForm, random: Random): boolean {
  const [register, memory] = [false, true].map((isMemory) => shapeOf(form, 32, isMemory, "none") !== undefined);
  return memory === true && (register !== true || random.below(2) === 0);
}
