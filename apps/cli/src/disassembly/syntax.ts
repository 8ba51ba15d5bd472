import { createAttFormatter } from "@likex/x86-decoder/att";
import {
  createIntelFormatter,
  type FormatterOptions,
  type InstructionFormatter,
  type SymbolResolver,
} from "@likex/x86-decoder/intel";
import { createMasmFormatter } from "@likex/x86-decoder/masm";
import { createNasmFormatter } from "@likex/x86-decoder/nasm";

export type Syntax = "intel" | "masm" | "nasm" | "att";

/** Names of the syntaxes. */
export const SYNTAXES: readonly Syntax[] = ["intel", "masm", "nasm", "att"];

const CREATORS: Readonly<Record<Syntax, (options: FormatterOptions) => InstructionFormatter>> = {
  intel: createIntelFormatter,
  masm: createMasmFormatter,
  nasm: createNasmFormatter,
  att: createAttFormatter,
};

/** A formatter whose numbers are those of the addresses and bytes beside them; MASM knows no 0x. */
export function createFormatter(syntax: Syntax): InstructionFormatter {
  return CREATORS[syntax](
    syntax === "masm"
      ? { symbols: branchTargets(masmNumber) }
      : {
          numbers: { prefix: "0x", suffix: "", digits: "lower" },
          symbols: branchTargets((address) => `0x${address.toString(16)}`),
        },
  );
}

/** Branch targets without the zeros in front that the syntaxes give them. */
function branchTargets(text: (address: bigint) => string): SymbolResolver {
  return (address, use) => (use === "branch" ? { name: text(address), address } : undefined);
}

function masmNumber(address: bigint): string {
  const digits = address.toString(16).toUpperCase();
  return address < 10n ? digits : `${/^[A-F]/.test(digits) ? "0" : ""}${digits}h`;
}
