import type { SemanticsEntry, SemanticsTable } from "./table.ts";
import { checkVector, perform, register, source } from "./vector-access.ts";
import { immediateOf } from "./vector-routines.ts";

const routine = (name: string): SemanticsEntry => ({
  extension: true,
  write: (b) => {
    checkVector(b);
    const from = source(b, 1, "aligned");
    const to = register(b, 0);
    const immediate = b.shape.operands.length > 2 ? [immediateOf(b, 2)] : [];
    perform(b, name, to.address(), from.address(), ...immediate);
    to.written();
  },
});

const NAMES: readonly string[] = [
  ...["aesenc", "aesenclast", "aesdec", "aesdeclast", "aesimc", "aeskeygenassist", "pclmulqdq"],
  ...["sha1rnds4", "sha1nexte", "sha1msg1", "sha1msg2", "sha256rnds2", "sha256msg1", "sha256msg2"],
];

export const cryptography: SemanticsTable = Object.fromEntries(NAMES.map((name) => [name, routine(name)]));
