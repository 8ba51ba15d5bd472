import { CR4 } from "./control-registers.ts";

/** What CPUID returns in four registers, unsigned. */
export interface CpuidResult {
  readonly eax: number;
  readonly ebx: number;
  readonly ecx: number;
  readonly edx: number;
}

/** One leaf, or one subleaf of it, as it reads while no control register says otherwise (see `currentCpuid`). */
export interface CpuidEntry extends CpuidResult {
  readonly leaf: number;
  /** The value of ECX that it answers; undefined: all of them. */
  readonly subleaf?: number | undefined;
}

/** A processor model: its CPUID leaves (SDM Vol 2A, CPUID), in ascending order. */
export interface CpuModel {
  readonly name: string;
  readonly cpuid: readonly CpuidEntry[];
}

/** The state of a processor that CPUID shows beside its table. */
export interface CpuidState {
  readonly cr4: number;
  /** Low half. */
  readonly xcr0: number;
}

const ZEROS: CpuidResult = { eax: 0, ebx: 0, ecx: 0, edx: 0 };

/** Four ASCII characters as a little-endian register. */
const text = (characters: string): number =>
  [...characters].reduce((value, character, index) => value + character.charCodeAt(0) * 2 ** (8 * index), 0);

const bits = (...positions: readonly number[]): number => positions.reduce((sum, bit) => sum | (1 << bit), 0) >>> 0;

const BRAND = "LiKeX emulated x86-64 processor".padEnd(48, "\0");

const brand = (part: number): CpuidEntry => {
  const at = (index: number): number => text(BRAND.slice(part * 16 + index * 4, part * 16 + index * 4 + 4));
  return { leaf: 0x80000002 + part, eax: at(0), ebx: at(1), ecx: at(2), edx: at(3) };
};

/** Leaf 1: FPU VME DE PSE TSC MSR PAE CX8 SEP MTRR PGE CMOV PAT CLFSH MMX FXSR SSE SSE2. */
const LEAF_1_EDX = bits(0, 1, 2, 3, 4, 5, 6, 8, 11, 12, 13, 15, 16, 19, 23, 24, 25, 26);
/** SSE3 PCLMULQDQ SSSE3 CX16 PCID SSE4.1 SSE4.2 MOVBE POPCNT AES XSAVE RDRAND. */
const LEAF_1_ECX = bits(0, 1, 9, 13, 17, 19, 20, 22, 23, 25, 26, 30);
const OSXSAVE = bits(27);
/** Leaf 7: FSGSBASE TSC_ADJUST BMI1 SMEP BMI2 INVPCID RDSEED ADX SMAP CLFLUSHOPT CLWB SHA; UMIP PKU RDPID. */
const LEAF_7_EBX = bits(0, 1, 3, 7, 8, 10, 18, 19, 20, 23, 24, 29);
const LEAF_7_ECX = bits(2, 3, 22);
const OSPKE = bits(4);
/** Leaf 0dh: components of XCR0; bytes of the XSAVE area with x87 and SSE, and header; XSAVEOPT and XGETBV with ECX = 1. */
const XCR0_COMPONENTS = 3;
const XSAVE_AREA = 576;
const XSAVE_FEATURES = bits(0, 2);
/** Leaf 80000001: LAHF LZCNT PREFETCHW; SYSCALL NX 1-GByte pages RDTSCP LM. */
const EXTENDED_ECX = bits(0, 5, 8);
const EXTENDED_EDX = bits(11, 20, 26, 27, 29);
const PHYSICAL_BITS = 46;
const LINEAR_BITS = 48;
/** CLFLUSH line of 64 bytes, in units of 8. */
const CLFLUSH_LINE = 8 << 8;

/** Models of processors; each advertises what works. */
export const CPU_MODELS: { readonly likex: CpuModel } = {
  likex: {
    name: "likex",
    cpuid: [
      { leaf: 0, eax: 0xd, ebx: text("Genu"), ecx: text("ntel"), edx: text("ineI") },
      { leaf: 1, eax: 0x000306c3, ebx: 0x00010000 | CLFLUSH_LINE, ecx: LEAF_1_ECX, edx: LEAF_1_EDX },
      { leaf: 7, subleaf: 0, eax: 0, ebx: LEAF_7_EBX, ecx: LEAF_7_ECX, edx: 0 },
      { leaf: 0xd, subleaf: 0, eax: XCR0_COMPONENTS, ebx: XSAVE_AREA, ecx: XSAVE_AREA, edx: 0 },
      { leaf: 0xd, subleaf: 1, eax: XSAVE_FEATURES, ebx: 0, ecx: 0, edx: 0 },
      { leaf: 0x80000000, eax: 0x80000008, ebx: 0, ecx: 0, edx: 0 },
      { leaf: 0x80000001, eax: 0, ebx: 0, ecx: EXTENDED_ECX, edx: EXTENDED_EDX },
      brand(0),
      brand(1),
      brand(2),
      { leaf: 0x80000008, eax: PHYSICAL_BITS | (LINEAR_BITS << 8), ebx: 0, ecx: 0, edx: 0 },
    ],
  },
};

const exactCpuid = <E extends CpuidEntry>(entries: readonly E[], leaf: number, subleaf: number): E | undefined =>
  entries.find((entry) => entry.leaf === leaf && (entry.subleaf === undefined || entry.subleaf === subleaf));

/** Where the ranges of leaves begin: basic, those of hypervisors (one for each 256), extended, and Centaur's. */
const rangeOf = (leaf: number): number => {
  if (leaf >= 0x40000000 && leaf <= 0x4fffffff) return (leaf & 0xffffff00) >>> 0;
  if (leaf >= 0xc0000000) return 0xc0000000;
  return (leaf & 0x80000000) >>> 0;
};

const isAmd = ({ ebx, edx, ecx }: CpuidResult): boolean =>
  (ebx === text("Auth") && edx === text("enti") && ecx === text("cAMD")) ||
  (ebx === text("Hygo") && edx === text("nGen") && ecx === text("uine"));

/**
 * The entry that answers a leaf. A leaf above the highest of its range reads as the highest basic leaf (SDM Vol 2A, CPUID,
 * "If a value entered for CPUID.EAX is higher than the maximum input value"); on AMD's processors it does not.
 */
export const findCpuid = <E extends CpuidEntry>(
  entries: readonly E[],
  leaf: number,
  subleaf: number,
): E | undefined => {
  const exact = exactCpuid(entries, leaf, subleaf);
  if (exact !== undefined) return exact;
  const basic = exactCpuid(entries, 0, 0);
  if (basic === undefined || isAmd(basic)) return undefined;
  const range = exactCpuid(entries, rangeOf(leaf), 0);
  if (range !== undefined && leaf <= range.eax) return undefined;
  return exactCpuid(entries, basic.eax, subleaf);
};

/** What an entry reads as with the processor's control registers as they are: OSXSAVE, OSPKE, and the size of the XSAVE area. */
export const currentCpuid = (entry: CpuidEntry, { cr4, xcr0 }: CpuidState): CpuidResult => {
  const { leaf, subleaf = 0, eax, ebx, ecx, edx } = entry;
  if (leaf === 1) return { eax, ebx, ecx: withBit(ecx, OSXSAVE, (cr4 & CR4.osxsave) !== 0), edx };
  if (leaf === 7 && subleaf === 0) return { eax, ebx, ecx: withBit(ecx, OSPKE, (cr4 & CR4.pke) !== 0), edx };
  // What is enabled lies at fixed places, of which x87 and SSE are the first.
  if (leaf === 0xd && subleaf === 0 && (xcr0 & ~XCR0_COMPONENTS) === 0) return { eax, ebx: XSAVE_AREA, ecx, edx };
  return entry;
};

const withBit = (value: number, bit: number, isSet: boolean): number => (isSet ? value | bit : value & ~bit) >>> 0;

/** CPUID of a table for EAX and ECX. */
export const readCpuid = (
  entries: readonly CpuidEntry[],
  leaf: number,
  subleaf: number,
  state: CpuidState,
): CpuidResult => {
  const entry = findCpuid(entries, leaf, subleaf);
  if (entry !== undefined) return currentCpuid(entry, state);
  if (leaf !== 0xb && leaf !== 0x1f) return ZEROS;
  // Topology: of a level that there is not, CL comes back and EDX is the processor's id (SDM Vol 2A, CPUID, leaf 0bh).
  const level = exactCpuid(entries, leaf, 1);
  return level === undefined ? ZEROS : { eax: 0, ebx: 0, ecx: subleaf & 0xff, edx: level.edx };
};
