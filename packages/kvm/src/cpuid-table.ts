/** What CPUID returns in four registers, unsigned. */
export interface CpuidResult {
  readonly eax: number;
  readonly ebx: number;
  readonly ecx: number;
  readonly edx: number;
}

const ZEROS: CpuidResult = { eax: 0, ebx: 0, ecx: 0, edx: 0 };

/** Four ASCII characters as a little-endian register. */
const text = (characters: string): number =>
  [...characters].reduce((value, character, index) => value + character.charCodeAt(0) * 2 ** (8 * index), 0);

// Leaf 1 EDX and leaf 0x80000001 (SDM Vol 2A, CPUID).
const FEATURE = {
  PSE: 1 << 3,
  TSC: 1 << 4,
  MSR: 1 << 5,
  PAE: 1 << 6,
  CX8: 1 << 8,
  PGE: 1 << 13,
  CMOV: 1 << 15,
} as const;
const EXTENDED = { SYSCALL: 1 << 11, NX: 1 << 20, LM: 1 << 29 } as const;
const PHYSICAL_BITS = 46;
const LINEAR_BITS = 48;

const featureEdx = FEATURE.PSE | FEATURE.TSC | FEATURE.MSR | FEATURE.PAE | FEATURE.CX8 | FEATURE.PGE | FEATURE.CMOV;
const brand = "LiKeX emulated x86-64 processor".padEnd(48, "\0");
const brandLeaf = (part: number): CpuidResult => {
  const at = (index: number): number => text(brand.slice(part * 16 + index * 4, part * 16 + index * 4 + 4));
  return { eax: at(0), ebx: at(1), ecx: at(2), edx: at(3) };
};

/**
 * The emulated processor's CPUID: vendor GenuineIntel, family 6, the features that a guest
 * can use (so no VMX). A leaf that is not here reads as zeros.
 */
const PROCESSOR: ReadonlyMap<number, CpuidResult> = new Map([
  [0, { eax: 1, ebx: text("Genu"), ecx: text("ntel"), edx: text("ineI") }],
  [1, { eax: 0x000306c3, ebx: 0x00010000, ecx: 0, edx: featureEdx }],
  [0x80000000, { eax: 0x80000008, ebx: 0, ecx: 0, edx: 0 }],
  [0x80000001, { eax: 0, ebx: 0, ecx: 0, edx: EXTENDED.SYSCALL | EXTENDED.NX | EXTENDED.LM }],
  [0x80000002, brandLeaf(0)],
  [0x80000003, brandLeaf(1)],
  [0x80000004, brandLeaf(2)],
  [0x80000008, { eax: PHYSICAL_BITS | (LINEAR_BITS << 8), ebx: 0, ecx: 0, edx: 0 }],
]);

/** CPUID for a leaf: zeros as long as a vCPU has no table of its own, or the processor's. */
export const cpuidOf = (source: "zeros" | "processor", leaf: number): CpuidResult =>
  source === "zeros" ? ZEROS : (PROCESSOR.get(leaf) ?? ZEROS);
