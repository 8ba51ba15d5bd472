import { describe, expect, it } from "vitest";
import { BACK_ENDS } from "./support/back-ends.ts";
import { differences } from "./support/compare.ts";
import { NativeMachine } from "./support/native-machine.ts";
import { NativeRecords } from "./support/native-record.ts";
import { FOUND_FILE, readVectors, VECTOR_FILES, type Vector, writeAfter, writeBefore } from "./support/vectors.ts";

const groupsOf = (vectors: readonly Vector[]): Map<string, Vector[]> => {
  const groups = new Map<string, Vector[]>();
  for (const vector of vectors) {
    const { mnemonic } = vector.form;
    groups.set(mnemonic, [...(groups.get(mnemonic) ?? []), vector]);
  }
  return groups;
};

const [before, ours, native] = [new NativeRecords(1), new NativeRecords(1), new NativeRecords(1)];

function differencesOf(machine: NativeMachine, vector: Vector): string[] {
  writeBefore(vector, before, 0);
  native.copy(0, before, 0);
  writeAfter(vector, native, 0);
  machine.execute(before, 0, ours, 0);
  return differences(vector.form, ours, 0, native, 0).map((text) => `${vector.line}: ${text}`);
}

describe.each(BACK_ENDS)("instructions do what a real processor did: $name", (backEnd) => {
  const machine = new NativeMachine({ backEnd });
  describe.each([...VECTOR_FILES, FOUND_FILE])("%s", (file) => {
    for (const [mnemonic, vectors] of groupsOf(readVectors(file))) {
      it(`${mnemonic}: ${vectors.length} executions`, () => {
        expect(vectors.flatMap((vector) => differencesOf(machine, vector))).toEqual([]);
      });
    }
  });
});
