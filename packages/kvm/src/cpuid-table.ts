import { CPU_MODELS, type CpuidEntry, type CpuidState, currentCpuid, findCpuid } from "@likex/cpu-executor";
import { KVM_CPUID_FLAG } from "@likex/kvm-abi";
import { CPU_BASED2 } from "@likex/vmx";
import { CR4 } from "./control-registers.ts";

/** One entry of a vCPU's table, as `struct kvm_cpuid_entry2` has it. */
export interface CpuidTableEntry extends CpuidEntry {
  readonly index: number;
  /** KVM_CPUID_FLAG. */
  readonly flags: number;
}

/** Makes an entry, whose index matters only with KVM_CPUID_FLAG_SIGNIFCANT_INDEX. */
export const cpuidTableEntry = (entry: Omit<CpuidTableEntry, "subleaf">): CpuidTableEntry => ({
  ...entry,
  subleaf: (entry.flags & KVM_CPUID_FLAG.SIGNIFCANT_INDEX) === 0 ? undefined : entry.index,
});

const RDTSCP_EDX = 1 << 27;
const RDPID_ECX = 1 << 22;

/** The processor's CPUID without what a guest cannot use under these secondary VM-execution controls. */
export const supportedCpuid = (secondaryControls: number): readonly CpuidTableEntry[] => {
  const hasRdtscp = (secondaryControls & CPU_BASED2.enableRdtscp) !== 0;
  return CPU_MODELS.likex.cpuid.map((entry) => {
    const { leaf, subleaf, eax, ebx } = entry;
    // RDTSCP and RDPID are #UD without the control (SDM Vol 3C, "Changes to Instruction Behavior in VMX Non-Root Operation").
    const ecx = leaf === 7 && !hasRdtscp ? entry.ecx & ~RDPID_ECX : entry.ecx;
    const edx = leaf === 0x80000001 && !hasRdtscp ? entry.edx & ~RDTSCP_EDX : entry.edx;
    const flags = subleaf === undefined ? 0 : KVM_CPUID_FLAG.SIGNIFCANT_INDEX;
    return cpuidTableEntry({ leaf, index: subleaf ?? 0, flags, eax, ebx, ecx: ecx >>> 0, edx: edx >>> 0 });
  });
};

/** The table as KVM_GET_CPUID2 tells it: with the bits that follow control registers. */
export const currentTable = (table: readonly CpuidTableEntry[], state: CpuidState): readonly CpuidTableEntry[] =>
  table.map((entry) => ({ ...entry, ...registersOf(entry, state) }));

const registersOf = (entry: CpuidEntry, state: CpuidState): { eax: number; ebx: number; ecx: number; edx: number } => {
  const { eax, ebx, ecx, edx } = currentCpuid(entry, state);
  return { eax, ebx, ecx, edx };
};

/** Whether two tables say the same, in the same order. */
export const isSameTable = (one: readonly CpuidTableEntry[], other: readonly CpuidTableEntry[]): boolean =>
  one.length === other.length && one.every((entry, at) => isSameEntry(entry, other[at] as CpuidTableEntry));

const isSameEntry = (one: CpuidTableEntry, other: CpuidTableEntry): boolean =>
  one.leaf === other.leaf &&
  one.index === other.index &&
  one.flags === other.flags &&
  one.eax === other.eax &&
  one.ebx === other.ebx &&
  one.ecx === other.ecx &&
  one.edx === other.edx;

/** Widths of linear addresses that Linux takes; 0 where the table does not say. */
const LINEAR_WIDTHS: readonly number[] = [0, 48, 57];

/** Whether KVM_SET_CPUID2 takes the table: the one thing that Linux demands is a width that its paging has. */
export const isAcceptableTable = (table: readonly CpuidTableEntry[]): boolean =>
  LINEAR_WIDTHS.includes(((findExact(table, 0x80000008)?.eax ?? 0) >>> 8) & 0xff);

const findExact = (table: readonly CpuidTableEntry[], leaf: number): CpuidTableEntry | undefined => {
  const entry = findCpuid(table, leaf, 0);
  return entry?.leaf === leaf ? entry : undefined;
};

/** Physical addresses are taken for 36 bits wide where the table does not say. */
const DEFAULT_PHYSICAL_WIDTH = 36;

/** Width of the guest's physical addresses. */
export const physicalWidthOf = (table: readonly CpuidTableEntry[]): number => {
  if ((findExact(table, 0x80000000)?.eax ?? 0) < 0x80000008) return DEFAULT_PHYSICAL_WIDTH;
  const width = findExact(table, 0x80000008);
  return width === undefined ? DEFAULT_PHYSICAL_WIDTH : width.eax & 0xff;
};

/** XCR0 bits that a guest may set beside x87: those of leaf 0dh. */
export const xcr0Of = (table: readonly CpuidTableEntry[]): number => findExact(table, 0xd)?.eax ?? 0;

const FEATURE_OF_CR4: readonly (readonly [cr4: number, leaf: number, register: "ebx" | "ecx", bit: number])[] = [
  [CR4.VMXE, 1, "ecx", 5],
  [CR4.PCIDE, 1, "ecx", 17],
  [CR4.OSXSAVE, 1, "ecx", 26],
  [CR4.FSGSBASE, 7, "ebx", 0],
  [CR4.SMEP, 7, "ebx", 7],
  [CR4.SMAP, 7, "ebx", 20],
  [CR4.UMIP, 7, "ecx", 2],
  [CR4.PKE, 7, "ecx", 3],
];

/** CR4 bits that the guest may not set, as it was not told of what they control. */
export const reservedCr4Of = (table: readonly CpuidTableEntry[]): number => {
  let reserved = 0;
  for (const [cr4, leaf, register, bit] of FEATURE_OF_CR4) {
    const word = findExact(table, leaf)?.[register] ?? 0;
    if ((word & (1 << bit)) === 0) reserved |= cr4;
  }
  return reserved;
};
