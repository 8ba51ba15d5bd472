import { createIntelFormatter, type FormatterOptions, type InstructionFormatter } from "@likex/x86-decoder/intel";

export type Syntax = "intel";

const CREATORS: Readonly<Record<Syntax, (options: FormatterOptions) => InstructionFormatter>> = {
  intel: createIntelFormatter,
};

/** Names of the syntaxes. */
export const SYNTAXES: readonly Syntax[] = Object.keys(CREATORS) as Syntax[];

/** Numbers as in addresses and bytes beside them; branch targets without the zeros in front that the syntaxes give them. */
const OPTIONS: FormatterOptions = {
  numbers: { prefix: "0x", suffix: "", digits: "lower" },
  symbols: (address, use) => (use === "branch" ? { name: `0x${address.toString(16)}`, address } : undefined),
};

export function createFormatter(syntax: Syntax): InstructionFormatter {
  return CREATORS[syntax](OPTIONS);
}
