import { type I32, type I64, i64 } from "@likex/wasm-emitter";
import type { SemanticsBuilder } from "./builder.ts";
import type { SemanticsEntry, SemanticsTable } from "./table.ts";
import { checkVector, perform, register, source } from "./vector-access.ts";
import { immediateOf } from "./vector-routines.ts";

const ACCUMULATOR = 0;
const COUNTER = 1;
const DATA = 2;

/** An explicit length is in EAX or EDX, or with REX.W in all of rAX or rDX. */
function explicitLength(b: SemanticsBuilder, register: number, wide: boolean, imm: I32): I32 {
  const value = wide ? (b.readRegister(register, 64) as I64) : i64.extendS(b.readRegister(register, 32) as I32);
  return b.let(b.code.call("i32", b.routine("string_explicit"), value, imm));
}

const compare = (lengths: "explicit" | "explicit64" | "implicit", output: "index" | "mask"): SemanticsEntry => ({
  extension: true,
  write: (b) => {
    checkVector(b);
    const imm = b.let(immediateOf(b, 2));
    // These may be unaligned (SDM Vol 2, 4.1.1).
    const second = source(b, 1).address();
    const first = register(b, 0).address();
    const length = (address: I32, register: number): I32 =>
      lengths === "implicit"
        ? b.let(b.code.call("i32", b.routine("string_implicit"), address, imm))
        : explicitLength(b, register, lengths === "explicit64", imm);
    const la = length(first, ACCUMULATOR);
    const lb = length(second, DATA);
    const mask = b.let(b.code.call("i32", b.routine("string_compare"), first, second, la, lb, imm));
    if (output === "mask") perform(b, "string_mask", mask, imm);
    else b.writeRegister(COUNTER, 32, b.let(b.code.call("i32", b.routine("string_index"), mask, imm)));
    b.setExplicitFlags(b.let(b.code.call("i32", b.routine("string_flags"), mask, la, lb, imm)));
  },
});

export const stringComparisons: SemanticsTable = {
  pcmpestri: compare("explicit", "index"),
  pcmpestri64: compare("explicit64", "index"),
  pcmpestrm: compare("explicit", "mask"),
  pcmpestrm64: compare("explicit64", "mask"),
  pcmpistri: compare("implicit", "index"),
  pcmpistrm: compare("implicit", "mask"),
};
