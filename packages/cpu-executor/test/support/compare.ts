import type { InstructionForm } from "@likex/x86-decoder";
import type { NativeResult } from "./native-state.ts";

const ARITHMETIC_FLAGS = 0x8d5;

/** What differs, for people; empty when nothing does. Flags that the manual leaves undefined for the form are not compared. */
export function differences(form: InstructionForm, ours: NativeResult, native: NativeResult): string[] {
  if (ours.trap !== native.trap) return [`exception ${ours.trap} instead of ${native.trap}`];
  const found: string[] = [];
  ours.gpr.forEach((value, i) => {
    const expected = native.gpr[i] as bigint;
    if (value !== expected) found.push(`register ${i} is ${value.toString(16)} instead of ${expected.toString(16)}`);
  });
  const flags = (ours.rflags ^ native.rflags) & ARITHMETIC_FLAGS & ~form.flags.undefined;
  if (flags !== 0 && native.trap < 0) found.push(`flags ${flags.toString(16)} differ`);
  const at = ours.memory.findIndex((byte, i) => byte !== native.memory[i]);
  if (at >= 0) found.push(`memory differs at ${at}: ${ours.memory[at]} instead of ${native.memory[at]}`);
  return found;
}
