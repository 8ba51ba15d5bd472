import { CPU_BASED, CPU_BASED2, PIN_BASED, VM_ENTRY, VM_EXIT } from "./controls.ts";
import { VMCS_HIGHEST_INDEX } from "./vmcs-fields.ts";

/** The VMX capability MSRs (SDM Vol 3D, appendix "VMX Capability Reporting Facility"). */
export const VMX_MSR = {
  IA32_VMX_BASIC: 0x480,
  IA32_VMX_PINBASED_CTLS: 0x481,
  IA32_VMX_PROCBASED_CTLS: 0x482,
  IA32_VMX_EXIT_CTLS: 0x483,
  IA32_VMX_ENTRY_CTLS: 0x484,
  IA32_VMX_MISC: 0x485,
  IA32_VMX_CR0_FIXED0: 0x486,
  IA32_VMX_CR0_FIXED1: 0x487,
  IA32_VMX_CR4_FIXED0: 0x488,
  IA32_VMX_CR4_FIXED1: 0x489,
  IA32_VMX_VMCS_ENUM: 0x48a,
  IA32_VMX_PROCBASED_CTLS2: 0x48b,
  IA32_VMX_EPT_VPID_CAP: 0x48c,
  IA32_VMX_TRUE_PINBASED_CTLS: 0x48d,
  IA32_VMX_TRUE_PROCBASED_CTLS: 0x48e,
  IA32_VMX_TRUE_EXIT_CTLS: 0x48f,
  IA32_VMX_TRUE_ENTRY_CTLS: 0x490,
  IA32_VMX_VMFUNC: 0x491,
} as const;

export type VmxMsrName = keyof typeof VMX_MSR;

/** What a processor's VMX facility offers: its capability MSRs, from which every check of a control or fixed bit derives. */
export interface VmxProfile {
  readonly name: string;
  /** VMCS revision identifier, 31 bits; also in IA32_VMX_BASIC. */
  readonly revision: number;
  /** MAXPHYADDR, in bits. */
  readonly physicalAddressWidth: number;
  /** Values of the MSRs that exist. */
  readonly msrs: Readonly<Partial<Record<VmxMsrName, bigint>>>;
}

/** Bits that software may leave set (allowed-1) and must set (allowed-0) of one control, as an MSR: high and low half. */
const allowed = (mustBeOne: number, mayBeOne: number): bigint =>
  (BigInt((mustBeOne | mayBeOne) >>> 0) << 32n) | BigInt(mustBeOne >>> 0);

const bits = (...values: readonly number[]): number => values.reduce((sum, value) => sum | value, 0) >>> 0;

const WRITE_BACK = 6n;
const basic = (revision: number): bigint =>
  BigInt(revision) |
  (4096n << 32n) | // size of a VMCS region
  (WRITE_BACK << 50n) |
  (1n << 54n) | // VM exits by INS and OUTS report instruction information
  (1n << 55n); // the TRUE MSRs exist

// The default1 classes: bits that are 1 unless software knows of their meaning (SDM Vol 3D, "Reserved Controls and Default Settings").
const PIN_DEFAULT1 = 0x16;
const CPU_DEFAULT1 = 0x0401e172;
const EXIT_DEFAULT1 = 0x36dff;
const ENTRY_DEFAULT1 = 0x11ff;
const CPU_TRUE_DEFAULT1 = CPU_DEFAULT1 & ~bits(CPU_BASED.cr3LoadExiting, CPU_BASED.cr3StoreExiting);
const EXIT_TRUE_DEFAULT1 = EXIT_DEFAULT1 & ~VM_EXIT.saveDebugControls;
const ENTRY_TRUE_DEFAULT1 = ENTRY_DEFAULT1 & ~VM_ENTRY.loadDebugControls;

const PIN_OFFERED = bits(PIN_BASED.externalInterruptExiting, PIN_BASED.nmiExiting, PIN_BASED.virtualNmis);
const CPU_OFFERED = bits(
  CPU_BASED.interruptWindowExiting,
  CPU_BASED.useTscOffsetting,
  CPU_BASED.hltExiting,
  CPU_BASED.invlpgExiting,
  CPU_BASED.mwaitExiting,
  CPU_BASED.rdpmcExiting,
  CPU_BASED.rdtscExiting,
  CPU_BASED.cr3LoadExiting,
  CPU_BASED.cr3StoreExiting,
  CPU_BASED.cr8LoadExiting,
  CPU_BASED.cr8StoreExiting,
  CPU_BASED.nmiWindowExiting,
  CPU_BASED.movDrExiting,
  CPU_BASED.unconditionalIoExiting,
  CPU_BASED.useIoBitmaps,
  CPU_BASED.monitorTrapFlag,
  CPU_BASED.useMsrBitmaps,
  CPU_BASED.monitorExiting,
  CPU_BASED.pauseExiting,
  CPU_BASED.secondaryControls,
);
const EXIT_OFFERED = bits(
  VM_EXIT.saveDebugControls,
  VM_EXIT.hostAddressSpaceSize,
  VM_EXIT.acknowledgeInterruptOnExit,
  VM_EXIT.savePat,
  VM_EXIT.loadPat,
  VM_EXIT.saveEfer,
  VM_EXIT.loadEfer,
);
const ENTRY_OFFERED = bits(VM_ENTRY.loadDebugControls, VM_ENTRY.ia32eModeGuest, VM_ENTRY.loadPat, VM_ENTRY.loadEfer);

/** IA32_VMX_EPT_VPID_CAP bits. */
const EPT_CAP = {
  executeOnly: 1n << 0n,
  walkLength4: 1n << 6n,
  uncacheable: 1n << 8n,
  writeBack: 1n << 14n,
  pages2M: 1n << 16n,
  pages1G: 1n << 17n,
  invept: 1n << 20n,
  accessedDirty: 1n << 21n,
  inveptSingle: 1n << 25n,
  inveptAll: 1n << 26n,
} as const;
const eptCapability = (...names: readonly (keyof typeof EPT_CAP)[]): bigint =>
  names.reduce((sum, name) => sum | EPT_CAP[name], 0n);

const ACTIVITY_STATES = 0b111n << 6n; // HLT, shutdown, wait-for-SIPI
const CR3_TARGETS = 4n << 16n;
const STORES_LMA = 1n << 5n; // VM exits write EFER.LMA to "IA-32e mode guest"
const SOFTWARE_EVENT_LENGTH_0 = 1n << 30n;
const MISC = STORES_LMA | ACTIVITY_STATES | CR3_TARGETS | SOFTWARE_EVENT_LENGTH_0;

const CR0_PE_NE_PG = 0x80000021n;
const CR4_VMXE = 1n << 13n;
/** VME..OSXMMEXCPT, UMIP, VMXE, SMXE, FSGSBASE, PCIDE, OSXSAVE, SMEP, SMAP, PKE. */
const CR4_ALLOWED = 0x776fffn;

const common = (revision: number): Readonly<Partial<Record<VmxMsrName, bigint>>> => ({
  IA32_VMX_BASIC: basic(revision),
  IA32_VMX_MISC: MISC,
  IA32_VMX_CR0_FIXED0: CR0_PE_NE_PG,
  IA32_VMX_CR0_FIXED1: 0xffffffffn,
  IA32_VMX_CR4_FIXED0: CR4_VMXE,
  IA32_VMX_CR4_FIXED1: CR4_ALLOWED,
  IA32_VMX_VMCS_ENUM: BigInt(VMCS_HIGHEST_INDEX << 1),
  IA32_VMX_PINBASED_CTLS: allowed(PIN_DEFAULT1, PIN_OFFERED),
  IA32_VMX_TRUE_PINBASED_CTLS: allowed(PIN_DEFAULT1, PIN_OFFERED),
  IA32_VMX_PROCBASED_CTLS: allowed(CPU_DEFAULT1, CPU_OFFERED),
  IA32_VMX_TRUE_PROCBASED_CTLS: allowed(CPU_TRUE_DEFAULT1, CPU_OFFERED),
  IA32_VMX_EXIT_CTLS: allowed(EXIT_DEFAULT1, EXIT_OFFERED),
  IA32_VMX_TRUE_EXIT_CTLS: allowed(EXIT_TRUE_DEFAULT1, EXIT_OFFERED),
  IA32_VMX_ENTRY_CTLS: allowed(ENTRY_DEFAULT1, ENTRY_OFFERED),
  IA32_VMX_TRUE_ENTRY_CTLS: allowed(ENTRY_TRUE_DEFAULT1, ENTRY_OFFERED),
});

/** The processor of LiKeX's published kernel log: EPT and unrestricted guest are its only secondary controls. */
const likex: VmxProfile = {
  name: "likex",
  revision: 4,
  physicalAddressWidth: 46,
  msrs: {
    ...common(4),
    // The TRUE variants make no default1 bit optional: CR3-load and CR3-store exiting are mandatory.
    IA32_VMX_TRUE_PINBASED_CTLS: allowed(PIN_DEFAULT1, PIN_OFFERED),
    IA32_VMX_TRUE_PROCBASED_CTLS: allowed(CPU_DEFAULT1, CPU_OFFERED),
    IA32_VMX_TRUE_EXIT_CTLS: allowed(EXIT_DEFAULT1, EXIT_OFFERED),
    IA32_VMX_TRUE_ENTRY_CTLS: allowed(ENTRY_DEFAULT1, ENTRY_OFFERED),
    IA32_VMX_PROCBASED_CTLS2: allowed(0, bits(CPU_BASED2.enableEpt, CPU_BASED2.unrestrictedGuest)),
    IA32_VMX_EPT_VPID_CAP: eptCapability(
      "executeOnly",
      "walkLength4",
      "writeBack",
      "pages2M",
      "invept",
      "accessedDirty",
      "inveptSingle",
      "inveptAll",
    ),
  },
};

/** All that this package implements, as a recent processor would report it. */
const modern: VmxProfile = {
  name: "default",
  revision: 0x4c,
  physicalAddressWidth: 46,
  msrs: {
    ...common(0x4c),
    IA32_VMX_PROCBASED_CTLS2: allowed(
      0,
      bits(
        CPU_BASED2.enableEpt,
        CPU_BASED2.descriptorTableExiting,
        CPU_BASED2.enableRdtscp,
        CPU_BASED2.wbinvdExiting,
        CPU_BASED2.unrestrictedGuest,
      ),
    ),
    IA32_VMX_EPT_VPID_CAP: eptCapability(
      "executeOnly",
      "walkLength4",
      "uncacheable",
      "writeBack",
      "pages2M",
      "pages1G",
      "invept",
      "accessedDirty",
      "inveptSingle",
      "inveptAll",
    ),
  },
};

/**
 * `likex`: revision 4; with it LiKeX's control algorithm gives pin 17, cpu a581e5f2, cpu2 82, exit 3fefff, entry d1ff, as its published
 * log shows. `default`: the TRUE MSRs exist, so that CR3-load and CR3-store exiting and the debug controls may be cleared;
 * RDTSCP, WBINVD exiting, descriptor-table exiting and 1 GiB EPT pages besides.
 */
export const PROFILES: { readonly likex: VmxProfile; readonly default: VmxProfile } = { likex, default: modern };

/** Allowed-0 (bits that must be 1) and allowed-1 (bits that may be 1) settings of one control field. */
export interface ControlRange {
  readonly mustBeOne: number;
  readonly mayBeOne: number;
}

/** What the checks need of a profile, decoded once. */
export interface Capabilities {
  readonly revision: number;
  readonly pin: ControlRange;
  readonly cpu: ControlRange;
  readonly cpu2: ControlRange;
  readonly exit: ControlRange;
  readonly entry: ControlRange;
  readonly cr0: ControlRange;
  readonly cr4: ControlRange;
  readonly cr3Targets: number;
  readonly softwareEventsOfLength0: boolean;
  readonly vmwriteToReadOnly: boolean;
  readonly eptAccessedDirty: boolean;
  readonly eptUncacheable: boolean;
  readonly eptWriteBack: boolean;
  readonly inveptSingle: boolean;
  readonly inveptAll: boolean;
  readonly activityStates: number;
}

const rangeOf = (msr: bigint | undefined): ControlRange => ({
  mustBeOne: Number((msr ?? 0n) & 0xffffffffn),
  mayBeOne: Number((msr ?? 0n) >> 32n),
});

export const capabilitiesOf = (profile: VmxProfile): Capabilities => {
  const { msrs } = profile;
  const hasTrue = ((msrs.IA32_VMX_BASIC ?? 0n) & (1n << 55n)) !== 0n;
  const misc = msrs.IA32_VMX_MISC ?? 0n;
  const ept = msrs.IA32_VMX_EPT_VPID_CAP ?? 0n;
  const fixed = (zero: bigint | undefined, one: bigint | undefined): ControlRange => ({
    mustBeOne: Number(zero ?? 0n),
    mayBeOne: Number(one ?? 0xffffffffn),
  });
  return {
    revision: profile.revision,
    pin: rangeOf(hasTrue ? msrs.IA32_VMX_TRUE_PINBASED_CTLS : msrs.IA32_VMX_PINBASED_CTLS),
    cpu: rangeOf(hasTrue ? msrs.IA32_VMX_TRUE_PROCBASED_CTLS : msrs.IA32_VMX_PROCBASED_CTLS),
    cpu2: rangeOf(msrs.IA32_VMX_PROCBASED_CTLS2),
    exit: rangeOf(hasTrue ? msrs.IA32_VMX_TRUE_EXIT_CTLS : msrs.IA32_VMX_EXIT_CTLS),
    entry: rangeOf(hasTrue ? msrs.IA32_VMX_TRUE_ENTRY_CTLS : msrs.IA32_VMX_ENTRY_CTLS),
    cr0: fixed(msrs.IA32_VMX_CR0_FIXED0, msrs.IA32_VMX_CR0_FIXED1),
    cr4: fixed(msrs.IA32_VMX_CR4_FIXED0, msrs.IA32_VMX_CR4_FIXED1),
    cr3Targets: Number((misc >> 16n) & 0x1ffn),
    softwareEventsOfLength0: (misc & SOFTWARE_EVENT_LENGTH_0) !== 0n,
    vmwriteToReadOnly: (misc & (1n << 29n)) !== 0n,
    eptAccessedDirty: (ept & EPT_CAP.accessedDirty) !== 0n,
    eptUncacheable: (ept & EPT_CAP.uncacheable) !== 0n,
    eptWriteBack: (ept & EPT_CAP.writeBack) !== 0n,
    inveptSingle: (ept & EPT_CAP.inveptSingle) !== 0n,
    inveptAll: (ept & EPT_CAP.inveptAll) !== 0n,
    activityStates: 1 | (Number((misc >> 6n) & 7n) << 1),
  };
};
