import type { SemanticsEntry, SemanticsTable } from "./table.ts";
import { checkVector, perform, sourceAddress } from "./vector-access.ts";
import { immediateOf } from "./vector-routines.ts";

const routine = (name: string): SemanticsEntry => ({
  extension: true,
  write: (b) => {
    checkVector(b);
    const source = sourceAddress(b, 1, "aligned");
    const immediate = b.shape.operands.length > 2 ? [immediateOf(b, 2)] : [];
    perform(b, name, sourceAddress(b, 0), source, ...immediate);
  },
});

const NAMES: readonly string[] = [
  ...["aesenc", "aesenclast", "aesdec", "aesdeclast", "aesimc", "aeskeygenassist", "pclmulqdq"],
  ...["sha1rnds4", "sha1nexte", "sha1msg1", "sha1msg2", "sha256rnds2", "sha256msg1", "sha256msg2"],
];

export const cryptography: SemanticsTable = Object.fromEntries(NAMES.map((name) => [name, routine(name)]));
