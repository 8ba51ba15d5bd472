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
  const close = TRANSCENDENTAL.test(form.mnemonic);
  return [...found, ...fxDifferences(ours.fx, native.fx, close ? 1n : 0n)];
}

/** These may differ in the last place, and so in C1, which tells how they were rounded (SDM Vol 1, 8.3.10). */
const TRANSCENDENTAL = /^(f2xm1|fyl2xp?1?|fpatan|fptan|fsin|fcos|fsincos)$/;
const C1 = 0x200n;

const number = (text: string): bigint => BigInt(`0x${text}`);

/** Position of an x87 number among those of its sign: the integer bit of its significand says nothing new. */
const position = (text: string): bigint =>
  (number(text.slice(0, 4)) << 63n) | (number(text.slice(4)) & ((1n << 63n) - 1n));

function isClose(name: string, a: string, b: string, places: bigint): boolean {
  if (name === "FSW") return ((number(a) ^ number(b)) & ~C1) === 0n;
  if (!name.startsWith("ST")) return false;
  const difference = position(a) - position(b);
  return difference <= places && difference >= -places;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).reverse().toString("hex");

/** Parts of an FXSAVE64 image: name, offset, bytes. FCS and FDS do not exist, and MXCSR_MASK is not state. */
const FX_PARTS: readonly (readonly [string, number, number])[] = [
  ["FCW", 0, 2],
  ["FSW", 2, 2],
  ["FTW", 4, 1],
  ["FOP", 6, 2],
  ["FIP", 8, 8],
  ["FDP", 16, 8],
  ["MXCSR", 24, 4],
  ...Array.from({ length: 8 }, (_, i) => [`ST${i}`, 32 + i * 16, 10] as const),
  ...Array.from({ length: 16 }, (_, i) => [`XMM${i}`, 160 + i * 16, 16] as const),
];

function fxDifferences(ours: Uint8Array, native: Uint8Array, places: bigint): string[] {
  return FX_PARTS.flatMap(([name, at, bytes]) => {
    const [a, b] = [hex(ours.subarray(at, at + bytes)), hex(native.subarray(at, at + bytes))];
    return a === b || (places > 0n && isClose(name, a, b, places)) ? [] : [`${name} is ${a} instead of ${b}`];
  });
}
