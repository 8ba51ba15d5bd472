import { FORMS, type InstructionForm } from "@likex/x86-decoder";
import { SEMANTICS } from "../../src/semantics/index.ts";
import { semanticsName, shapeKey, shapeOf } from "../../src/shapes.ts";
import { FLOAT_SEEDS, nativeState, WINDOW } from "../../test/support/native-state.ts";
import { Random } from "../../test/support/random.ts";
import { encode } from "./encode.ts";
import type { NativeCase } from "./native-oracle.ts";

export interface FormCase extends NativeCase {
  readonly form: InstructionForm;
  readonly seed: number;
}

export type Variant = {
  readonly form: InstructionForm;
  readonly size: 16 | 32 | 64;
  readonly operands: "register" | "memory";
};

/** Instructions that leave the program's own flow or need privilege: other tests are for those. */
const isUserForm = (form: InstructionForm): boolean => {
  const entry = SEMANTICS[semanticsName(form)];
  return (
    entry !== undefined &&
    entry.endsBlock !== true &&
    form.flow === "next" &&
    !form.privileged &&
    !/^(cli|sti)$/.test(form.mnemonic) &&
    !NOT_COMPARED.test(form.mnemonic)
  );
};

/** What they do depends on XCR0, in which a host has components that this processor lacks: floating-point.test.ts has them. */
const NOT_COMPARED = /^(xsave|xsaveopt|xrstor)(64)?$|^xgetbv$/;

/** Forms that the executor has semantics for and that are not compared. */
export function notCompared(): string[] {
  return [...new Set(FORMS.map((form) => form.mnemonic).filter((name) => NOT_COMPARED.test(name)))];
}

/** Every form, operand size and operand kind that the executor has semantics for and that exists in 64-bit mode. */
export function variants(): Variant[] {
  const all: Variant[] = [];
  const seen = new Set<string>();
  for (const form of FORMS.filter(isUserForm)) {
    for (const size of [16, 32, 64] as const) {
      for (const operands of ["register", "memory"] as const) {
        const hasChoice = form.operands.some((code) => /^[EMWQ]|^Ry\/M/.test(code));
        if (operands === "memory" && !hasChoice && !form.operands.some((code) => code.startsWith("O"))) continue;
        const shape = shapeOf(form, size, operands === "memory", "none");
        if (shape === undefined) continue;
        // Most vector and x87 forms are the same whatever the operand size.
        const key = `${form.id} ${shapeKey(shape)}`;
        if (SEMANTICS[shape.mnemonic]?.extension === true && seen.has(key)) continue;
        const random = new Random(1n);
        const found = Array.from({ length: 8 }, () => encode(form, size, operands, random, BigInt(WINDOW)));
        if (!found.some((code) => code !== undefined)) continue;
        seen.add(key);
        all.push({ form, size, operands });
      }
    }
  }
  return all;
}

/** The case of a variant that a seed stands for; undefined when its random operands do not make that form. */
export function caseOf(variant: Variant, number: number): FormCase | undefined {
  const isExtension = SEMANTICS[semanticsName(variant.form)]?.extension === true;
  const seed = isExtension ? FLOAT_SEEDS + number : number;
  const random = new Random(BigInt(seed) + 0x5eedn);
  const code = encode(variant.form, variant.size, variant.operands, random, BigInt(WINDOW + 64 + random.below(64)));
  if (code === undefined) return undefined;
  const state = nativeState(seed);
  return isUndefined(variant, code, state) ? undefined : { form: variant.form, seed, code, state };
}

/** SHLD and SHRD of 16 bits by more than 16 have no defined result (SDM Vol 2, SHLD). */
function isUndefined(variant: Variant, code: Uint8Array, state: NativeCase["state"]): boolean {
  if (isOutOfRange(variant.form.mnemonic, state.fx)) return true;
  if (variant.size !== 16 || !/^sh[lr]d$/.test(variant.form.mnemonic)) return false;
  const count =
    variant.form.operands[2] === "CL" ? Number((state.gpr[1] as bigint) & 31n) : (code.at(-1) as number) & 31;
  return count > 16;
}

/** F2XM1 is defined from -1 to 1, FYL2XP1 for magnitudes below 1 - sqrt(1/2) (SDM Vol 2). Both keep to a power of two here. */
function isOutOfRange(mnemonic: string, fx: Uint8Array): boolean {
  const limit = mnemonic === "f2xm1" ? 0x3fff : mnemonic === "fyl2xp1" ? 0x3ffd : 0x7fff;
  const exponent = ((fx[40] as number) | ((fx[41] as number) << 8)) & 0x7fff;
  return exponent >= limit && exponent !== 0x7fff;
}
