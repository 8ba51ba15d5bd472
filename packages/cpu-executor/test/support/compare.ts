import type { InstructionForm } from "@likex/x86-decoder";
import { SEGMENT } from "../../src/index.ts";
import { FX_BYTES, type NativeRecords, RECORD, REGION_BYTES } from "./native-record.ts";

/** CF PF AF ZF SF OF, and DF NT AC ID. */
const COMPARED_FLAGS = 0x8d5 | 0x400 | 0x4000 | 0x40000 | 0x200000;
const DEBUG = 1;
const PAGE_FAULT = 14;

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

/** By word of the image: the bits that are compared. */
export const FX_MASK: Int32Array = ((): Int32Array => {
  const mask = new Uint8Array(FX_BYTES);
  for (const [, at, bytes] of FX_PARTS) mask.fill(0xff, at, at + bytes);
  return new Int32Array(mask.buffer);
})();

/** Fields that must be equal as they are: trap, error code and ip; bases and selectors. */
const EXACT: readonly number[] = [
  ...[RECORD.trap, RECORD.errorCode, RECORD.ip, RECORD.faultAddress, RECORD.faultAddress + 4],
  ...[RECORD.fsBase, RECORD.fsBase + 4, RECORD.gsBase, RECORD.gsBase + 4],
  ...[RECORD.selectors, RECORD.selectors + 4, RECORD.selectors + 8],
].map((field) => field >> 2);

const ALIGNMENT_CHECK = 17;

/** What the manual leaves open when a form of this kind faults, or only says that it may be one thing or another. */
interface Freedom {
  readonly forms: RegExp;
  /** Which fault it is, of those of memory accesses. */
  readonly fault?: true;
  /** Which of the bytes that cannot be reached CR2 names. */
  readonly faultAddress?: true;
  /** What has been written before the fault. */
  readonly memory?: true;
  /** The arithmetic flags, and the upper half of a count of 32 bits. */
  readonly repetition?: true;
  /** Whether alignment is checked at all. */
  readonly alignment?: true;
  /** Whether parts of the image are accessed that no component needs. */
  readonly parts?: true;
}

const FREEDOMS: readonly Freedom[] = [
  {
    forms: /^(fxsave|fxrstor)(64)?$|^(fnstenv|fldenv|fnsave|frstor)$/,
    ...{ fault: true, faultAddress: true, memory: true },
  },
  { forms: /^(xsave|xsaveopt|xrstor)(64)?$/, fault: true, faultAddress: true, memory: true, parts: true },
  { forms: /^(retf|iret|maskmovq|maskmovdqu)$/, faultAddress: true },
  { forms: /^(pusha|enter|call|fbstp|fstp)$/, faultAddress: true, memory: true },
  { forms: /^(cmps|scas|movs|stos|lods)[bwdq]$/, repetition: true },
  { forms: /^(movup[sd]|movdqu|lddqu|pcmp[ei]str[im](64)?)$/, alignment: true },
];
const NO_FREEDOM: Freedom = { forms: /^$/ };
const MEMORY_FAULTS: readonly number[] = [12, 13, PAGE_FAULT, ALIGNMENT_CHECK];
const PREFIXES = { repeat: [0xf2, 0xf3], addressSize: 0x67 } as const;

/**
 * Makes our record like the processor's in what the manual leaves open: where both fault, what a form's Freedom says; where
 * only we do, by its alignment or in parts of an image, everything.
 */
function settle(form: InstructionForm, ours: NativeRecords, i: number, native: NativeRecords, j: number): void {
  const [ourTrap, trap] = [ours.get(i, RECORD.trap) - 1, native.get(j, RECORD.trap) - 1];
  settleNullSelectors(ours, i, native, j);
  if (ourTrap < 0) return;
  const freedom = FREEDOMS.find(({ forms }) => forms.test(form.mnemonic)) ?? NO_FREEDOM;
  if (freedom.alignment === true && ourTrap === ALIGNMENT_CHECK) ours.copy(i, native, j);
  if (freedom.parts === true && ourTrap === PAGE_FAULT && trap < 0) ours.copy(i, native, j);
  if (trap < 0) return;
  const take = (field: number, bytes: number): void => {
    const from = j * RECORD.size + field;
    ours.u8.set(native.u8.subarray(from, from + bytes), i * RECORD.size + field);
  };
  if (freedom.fault === true && MEMORY_FAULTS.includes(ourTrap) && MEMORY_FAULTS.includes(trap)) {
    take(RECORD.trap, 4);
    take(RECORD.errorCode, 4);
  }
  if (freedom.faultAddress === true) take(RECORD.faultAddress, 8);
  if (freedom.memory === true) take(RECORD.memory, REGION_BYTES);
  const code = ours.code(i);
  if (freedom.repetition !== true || !code.some((byte) => PREFIXES.repeat.includes(byte as 0xf2))) return;
  take(RECORD.rflags, 4);
  if (code.includes(PREFIXES.addressSize)) take(RECORD.gpr + 8 + 4, 4);
}

/**
 * An interrupt of the host between an instruction and the end of its execution returns to level 3, which makes null selectors of ES,
 * DS, FS and GS that are not zero zero (SDM Vol 2A, IRET, return to outer privilege level).
 */
function settleNullSelectors(ours: NativeRecords, i: number, native: NativeRecords, j: number): void {
  for (const register of [SEGMENT.es, SEGMENT.ds, SEGMENT.fs, SEGMENT.gs]) {
    const [at, nativeAt] = [i, j].map((n) => n * RECORD.size + RECORD.selectors + register * 2) as [number, number];
    const isNull = (ours.u8[at] as number) <= 3 && ours.u8[at + 1] === 0;
    const isCleared = native.u8[nativeAt] === 0 && native.u8[nativeAt + 1] === 0;
    if (isNull && isCleared) ours.u8[at] = 0;
  }
}

/** Brings a real processor's record into the form in which ours are: what Linux adds or cannot tell is taken away. */
export function normalize(native: NativeRecords, i: number): void {
  const trap = native.get(i, RECORD.trap) - 1;
  // CR2 is that of the last page fault, whatever came since.
  if (trap !== PAGE_FAULT) {
    native.set(i, RECORD.faultAddress, 0);
    native.set(i, RECORD.faultAddress + 4, 0);
  } else if (native.get(i, RECORD.faultAddress + 4) < 0) {
    // Linux says of its own addresses that something is there, so that a program does not learn where (arch/x86/mm/fault.c).
    native.set(i, RECORD.errorCode, native.get(i, RECORD.errorCode) & ~1);
  }
  if (trap === DEBUG) native.set(i, RECORD.errorCode, 0);
}

/** Whether anything differs that is compared. Flags that the manual leaves undefined for the form are not. */
export function differs(
  form: InstructionForm,
  ours: NativeRecords,
  i: number,
  native: NativeRecords,
  j: number,
): boolean {
  const [a, b] = [ours.i32, native.i32];
  const [from, to] = [(i * RECORD.size) >> 2, (j * RECORD.size) >> 2];
  for (let n = 0; n < EXACT.length; n++) {
    const field = EXACT[n] as number;
    if (a[from + field] !== b[to + field]) return true;
  }
  if (native.get(j, RECORD.bits) === 64) {
    for (let n = 0; n < 32; n++) if (a[from + n] !== b[to + n]) return true;
  } else {
    // The upper halves are undefined outside 64-bit mode (SDM Vol 1, 3.4.1.1).
    for (let n = 0; n < 16; n += 2) if (a[from + n] !== b[to + n]) return true;
  }
  if (flagsDiffer(form, ours, i, native, j) !== 0) return true;
  const [fxFrom, fxTo] = [from + RECORD.fx / 4, to + RECORD.fx / 4];
  for (let n = 0; n < FX_BYTES / 4; n++)
    if ((((a[fxFrom + n] as number) ^ (b[fxTo + n] as number)) & (FX_MASK[n] as number)) !== 0) return true;
  const [memoryFrom, memoryTo] = [from + RECORD.memory / 4, to + RECORD.memory / 4];
  for (let n = 0; n < REGION_BYTES / 4; n++) if (a[memoryFrom + n] !== b[memoryTo + n]) return true;
  return false;
}

function flagsDiffer(form: InstructionForm, ours: NativeRecords, i: number, native: NativeRecords, j: number): number {
  const undefinedFlags = form.flags.undefined;
  return (ours.get(i, RECORD.rflags) ^ native.get(j, RECORD.rflags)) & COMPARED_FLAGS & ~undefinedFlags;
}

/**
 * What differs, for people; empty when nothing does but what may. Our record is changed: see settle(). Of x87's transcendental
 * results one unit in the last place may differ.
 */
export function differences(
  form: InstructionForm,
  ours: NativeRecords,
  i: number,
  native: NativeRecords,
  j: number,
): string[] {
  if (!differs(form, ours, i, native, j)) return [];
  settle(form, ours, i, native, j);
  if (!differs(form, ours, i, native, j)) return [];
  const [ourTrap, trap] = [ours.get(i, RECORD.trap) - 1, native.get(j, RECORD.trap) - 1];
  if (ourTrap !== trap) return [`exception ${ourTrap} instead of ${trap}`];
  const found: string[] = [];
  const compare = (name: string, at: number, bytes: number): void => {
    const a = hex(part(ours, i, at, bytes));
    const b = hex(part(native, j, at, bytes));
    if (a !== b) found.push(`${name} is ${a} instead of ${b}`);
  };
  compare("error code", RECORD.errorCode, 4);
  compare("ip", RECORD.ip, 4);
  compare("fault address", RECORD.faultAddress, 8);
  compare("FS base", RECORD.fsBase, 8);
  compare("GS base", RECORD.gsBase, 8);
  ["ES", "CS", "SS", "DS", "FS", "GS"].forEach((name, n) => {
    compare(name, RECORD.selectors + n * 2, 2);
  });
  const is64 = native.get(j, RECORD.bits) === 64;
  for (let n = 0; n < (is64 ? 16 : 8); n++) compare(`register ${n}`, RECORD.gpr + n * 8, is64 ? 8 : 4);
  const flags = flagsDiffer(form, ours, i, native, j);
  if (flags !== 0) found.push(`flags ${flags.toString(16)} differ`);
  const [a, b] = [part(ours, i, RECORD.memory, REGION_BYTES), part(native, j, RECORD.memory, REGION_BYTES)];
  const at = a.findIndex((byte, n) => byte !== b[n]);
  if (at >= 0)
    found.push(`memory differs at ${at}: ${hex(a.subarray(at, at + 8))} instead of ${hex(b.subarray(at, at + 8))}`);
  const close = TRANSCENDENTAL.test(form.mnemonic) ? 1n : 0n;
  return [...found, ...fxDifferences(part(ours, i, RECORD.fx, FX_BYTES), part(native, j, RECORD.fx, FX_BYTES), close)];
}

const part = (records: NativeRecords, i: number, at: number, bytes: number): Uint8Array =>
  records.u8.subarray(i * RECORD.size + at, i * RECORD.size + at + bytes);

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

function fxDifferences(ours: Uint8Array, native: Uint8Array, places: bigint): string[] {
  return FX_PARTS.flatMap(([name, at, bytes]) => {
    const [a, b] = [hex(ours.subarray(at, at + bytes)), hex(native.subarray(at, at + bytes))];
    return a === b || (places > 0n && isClose(name, a, b, places)) ? [] : [`${name} is ${a} instead of ${b}`];
  });
}
