import { createDecodedInstruction, decodeInto, FORMS, type InstructionForm } from "@likex/x86-decoder";
import { describe, expect, it } from "vitest";
import { differences } from "./support/compare.ts";
import { NativeMachine } from "./support/native-machine.ts";
import { nativeVectors, type Vector } from "./support/vectors.ts";

const decoded = createDecodedInstruction();

function formOf(vector: Vector): InstructionForm {
  decodeInto(vector.code, 0, vector.code.length, 64, decoded);
  return FORMS[decoded.form] as InstructionForm;
}

/** Vectors by mnemonic: one test each. */
const groups = new Map<string, Vector[]>();
for (const vector of nativeVectors()) {
  const { mnemonic } = formOf(vector);
  groups.set(mnemonic, [...(groups.get(mnemonic) ?? []), vector]);
}

describe("instructions do what a real processor did (recorded)", () => {
  const machine = new NativeMachine();
  for (const [mnemonic, vectors] of groups) {
    it(`${mnemonic}: ${vectors.length} executions`, () => {
      const wrong = vectors.flatMap((vector) =>
        differences(formOf(vector), machine.execute(vector.code, vector.state), vector.result).map(
          (text) => `${vector.line}: ${text}`,
        ),
      );
      expect(wrong).toEqual([]);
    });
  }
});
