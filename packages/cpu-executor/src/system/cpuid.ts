/** What CPUID returns in four registers, unsigned. */
export interface CpuidResult {
  readonly eax: number;
  readonly ebx: number;
  readonly ecx: number;
  readonly edx: number;
}

/** A processor model: its CPUID leaves (SDM Vol 2A, CPUID), by leaf or by `leaf:subleaf`. What is absent reads as zeros. */
export interface CpuModel {
  readonly name: string;
  readonly leaves: Readonly<Record<string, CpuidResult>>;
}

const ZEROS: CpuidResult = { eax: 0, ebx: 0, ecx: 0, edx: 0 };

/** Four ASCII characters as a little-endian register. */
const text = (characters: string): number =>
  [...characters].reduce((value, character, index) => value + character.charCodeAt(0) * 2 ** (8 * index), 0);

const bits = (...positions: readonly number[]): number => positions.reduce((sum, bit) => sum | (1 << bit), 0) >>> 0;

const BRAND = "LiKeX emulated x86-64 processor".padEnd(48, "\0");

const brand = (part: number): CpuidResult => {
  const at = (index: number): number => text(BRAND.slice(part * 16 + index * 4, part * 16 + index * 4 + 4));
  return { eax: at(0), ebx: at(1), ecx: at(2), edx: at(3) };
};

/** Leaf 1: VME DE PSE TSC MSR PAE CX8 SEP MTRR PGE CMOV PAT CLFSH; CX16 PCID MOVBE POPCNT RDRAND. */
const LEAF_1_EDX = bits(1, 2, 3, 4, 5, 6, 8, 11, 12, 13, 15, 16, 19);
const LEAF_1_ECX = bits(13, 17, 22, 23, 30);
/** Leaf 7: FSGSBASE TSC_ADJUST SMEP INVPCID RDSEED ADX SMAP CLFLUSHOPT CLWB; UMIP PKU RDPID. */
const LEAF_7_EBX = bits(0, 1, 7, 10, 18, 19, 20, 23, 24);
const LEAF_7_ECX = bits(2, 3, 22);
const PKU = 1 << 3;
const OSPKE = 1 << 4;
const CR4_PKE = 1 << 22;
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
    leaves: {
      0: { eax: 7, ebx: text("Genu"), ecx: text("ntel"), edx: text("ineI") },
      1: { eax: 0x000306c3, ebx: 0x00010000 | CLFLUSH_LINE, ecx: LEAF_1_ECX, edx: LEAF_1_EDX },
      "7:0": { eax: 0, ebx: LEAF_7_EBX, ecx: LEAF_7_ECX, edx: 0 },
      2147483648: { eax: 0x80000008, ebx: 0, ecx: 0, edx: 0 },
      2147483649: { eax: 0, ebx: 0, ecx: EXTENDED_ECX, edx: EXTENDED_EDX },
      2147483650: brand(0),
      2147483651: brand(1),
      2147483652: brand(2),
      2147483656: { eax: PHYSICAL_BITS | (LINEAR_BITS << 8), ebx: 0, ecx: 0, edx: 0 },
    },
  },
};

/** CPUID of a model for EAX and ECX. Leaf 7 tells whether `cr4` has PKE, where the model has protection keys. */
export const cpuidOf = (model: CpuModel, leaf: number, subleaf: number, cr4 = 0): CpuidResult => {
  const result = model.leaves[`${leaf}:${subleaf}`] ?? model.leaves[leaf] ?? ZEROS;
  const isEnabled = leaf === 7 && subleaf === 0 && (result.ecx & PKU) !== 0 && (cr4 & CR4_PKE) !== 0;
  return isEnabled ? { ...result, ecx: (result.ecx | OSPKE) >>> 0 } : result;
};
