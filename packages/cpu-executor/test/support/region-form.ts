import { FORMS, type InstructionForm } from "@likex/x86-decoder";
import { Assembler, PROGRAM } from "./assembler.ts";
import { type Machine, machine, setNumbers, stateOf } from "./lockstep.ts";
import type { Random } from "./random.ts";
import { EXTENSION_FORMS, encode } from "./random-extension.ts";

const HLT = 0xf4;
const POINTERS = [3, 6, 7];

export interface FormResult {
  /** What differed first, or undefined. */
  readonly difference: string | undefined;
  /** Instructions that were executed in a region. */
  readonly executed: number;
}

/** Executes an encoding of a form interpreted and compiled, from states at the borders of floating point. */
export function compareForm(form: InstructionForm, random: Random, states: number): FormResult {
  const bits = random.pick([32, 64] as const);
  const a = new Assembler(random, bits);
  encode(a, random, form);
  const code = Buffer.from(a.bytes.subarray(0, a.at)).toString("hex");
  a.put(HLT);
  const machines = [machine(bits, a.bytes, "interpreter"), machine(bits, a.bytes, "jit")] as [Machine, Machine];
  const result = (difference: string | undefined): FormResult => ({
    difference,
    executed: machines[1].statistics().executed,
  });
  for (let i = 0; i < states; i++) {
    setNumbers(random, machines);
    const registers = Array.from({ length: 16 }, (_, n) =>
      n === 4 ? BigInt(PROGRAM.stack) : POINTERS.includes(n) ? BigInt(PROGRAM.data + 0x100) : random.value(),
    );
    const [interpreted, compiled] = machines.map((m) => {
      m.cpu.ripNumber = PROGRAM.code;
      for (const [n, value] of registers.entries()) m.cpu.setRegister(n, BigInt.asUintN(bits, value));
      return stateOf(m, m.cpu.run(1));
    });
    if (interpreted !== compiled)
      return result(
        `${form.mnemonic} ${code}, ${bits} bits, state ${i}\n  interpreted ${interpreted}\n  compiled    ${compiled}`,
      );
  }
  return result(undefined);
}

const ALL: readonly InstructionForm[] = [...EXTENSION_FORMS.vector, ...EXTENSION_FORMS.x87];

/** Mnemonics of the second module. */
export const EXTENSION_MNEMONICS: readonly string[] = [...new Set(ALL.map(({ mnemonic }) => mnemonic))];

export const formsNamed = (mnemonic: string): readonly InstructionForm[] =>
  ALL.filter((form) => form.mnemonic === mnemonic);

/** A form of the second module that a seed stands for. */
export const randomForm = (random: Random): InstructionForm => random.pick(ALL);

export const seedOf = (mnemonic: string): bigint => BigInt(FORMS.findIndex((form) => form.mnemonic === mnemonic));
