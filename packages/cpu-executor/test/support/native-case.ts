import { createDecodedInstruction, DECODE_STATUS, decodeInto, FORMS, type InstructionForm } from "@likex/x86-decoder";
import { prepare } from "./native-prepare.ts";
import { type NativeRecords, RECORD } from "./native-record.ts";
import { environmentOf, writeState } from "./native-state.ts";

const decoded = createDecodedInstruction();

/** Writes the record of code and the state that a seed stands for; returns the code's form, undefined where it is none. */
export function writeCase(
  records: NativeRecords,
  i: number,
  code: Uint8Array,
  length: number,
  seed: number,
): InstructionForm | undefined {
  const { bits } = environmentOf(seed);
  if (decodeInto(code, 0, length, bits, decoded) !== DECODE_STATUS.ok || decoded.length !== length) return undefined;
  const form = FORMS[decoded.form] as InstructionForm;
  writeState(records, i, seed);
  records.set(i, RECORD.codeLength, length);
  const at = i * RECORD.size + RECORD.code;
  for (let n = 0; n < length; n++) records.u8[at + n] = code[n] as number;
  prepare(records, i, seed, form, decoded);
  return form;
}

/** The form of a vector's code. */
export function formOfCode(code: Uint8Array, seed: number): InstructionForm {
  const status = decodeInto(code, 0, code.length, environmentOf(seed).bits, decoded);
  if (status !== DECODE_STATUS.ok) throw new RangeError(`${Buffer.from(code).toString("hex")} is no instruction`);
  return FORMS[decoded.form] as InstructionForm;
}
