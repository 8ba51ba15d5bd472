import type { CpuState } from "../state.ts";
import { isCanonical } from "./access.ts";
import { createMsrValues, type MsrState, type MsrValues } from "./msr-state.ts";

/** One model-specific register whose value is kept as written (SDM Vol 4, table 2-2). */
export interface MsrEntry {
  readonly name: string;
  readonly index: number;
  readonly reset: bigint;
  /** Bits that WRMSR may set; a 1 elsewhere is #GP. 0: every write is #GP. */
  readonly writable: bigint;
  /** The value must be a canonical address. */
  readonly isCanonical?: true;
  /** Other rules of WRMSR. */
  readonly isValid?: (value: bigint) => boolean;
  /** Where the processor's own operations look for the value. */
  readonly field?: keyof MsrState;
}

const ALL = (1n << 64n) - 1n;
const LOW_32 = 0xffff_ffffn;

/** Eight memory types, of which 2 and 3 do not exist (SDM Vol 3A, 12.12.2). */
const isPat = (value: bigint): boolean => {
  for (let i = 0n; i < 8n; i++) {
    const type = (value >> (i * 8n)) & 0xffn;
    if (type > 7n || type === 2n || type === 3n) return false;
  }
  return true;
};

const MTRR_TYPES: readonly bigint[] = [0n, 1n, 4n, 5n, 6n];
const isMemoryType = (type: bigint): boolean => MTRR_TYPES.includes(type);
const isFixedRange = (value: bigint): boolean => {
  for (let i = 0n; i < 8n; i++) if (!isMemoryType((value >> (i * 8n)) & 0xffn)) return false;
  return true;
};

const VARIABLE_RANGES = 8;
/** Physical addresses have 46 bits. */
const PHYSICAL_PAGE = (1n << 46n) - 4096n;
const FIXED_RANGES: readonly (readonly [string, number])[] = [
  ["IA32_MTRR_FIX64K_00000", 0x250],
  ["IA32_MTRR_FIX16K_80000", 0x258],
  ["IA32_MTRR_FIX16K_A0000", 0x259],
  ...Array.from({ length: 8 }, (_, i): [string, number] => [
    `IA32_MTRR_FIX4K_${(0xc0000 + i * 0x8000).toString(16).toUpperCase()}`,
    0x268 + i,
  ]),
];

const variableRanges = Array.from({ length: VARIABLE_RANGES }, (_, i): MsrEntry[] => [
  {
    name: `IA32_MTRR_PHYSBASE${i}`,
    index: 0x200 + 2 * i,
    reset: 0n,
    writable: PHYSICAL_PAGE | 0xffn,
    isValid: (value) => isMemoryType(value & 0xffn),
  },
  { name: `IA32_MTRR_PHYSMASK${i}`, index: 0x201 + 2 * i, reset: 0n, writable: PHYSICAL_PAGE | 0x800n },
]).flat();

/** Every MSR but those that are other registers: see Msrs. */
export const MSR_TABLE: readonly MsrEntry[] = [
  { name: "IA32_PLATFORM_ID", index: 0x17, reset: 0n, writable: 0n },
  { name: "IA32_FEATURE_CONTROL", index: 0x3a, reset: 1n, writable: 0n },
  { name: "IA32_BIOS_SIGN_ID", index: 0x8b, reset: 0n, writable: ALL },
  { name: "IA32_MTRRCAP", index: 0xfe, reset: 0x500n | BigInt(VARIABLE_RANGES), writable: 0n },
  { name: "IA32_SYSENTER_CS", index: 0x174, reset: 0n, writable: LOW_32, field: "sysenterCs" },
  { name: "IA32_SYSENTER_ESP", index: 0x175, reset: 0n, writable: ALL, isCanonical: true, field: "sysenterEsp" },
  { name: "IA32_SYSENTER_EIP", index: 0x176, reset: 0n, writable: ALL, isCanonical: true, field: "sysenterEip" },
  { name: "IA32_MCG_CAP", index: 0x179, reset: 0n, writable: 0n },
  { name: "IA32_MCG_STATUS", index: 0x17a, reset: 0n, writable: 7n },
  { name: "IA32_MISC_ENABLE", index: 0x1a0, reset: 1n, writable: 0x4_0040_1889n },
  { name: "IA32_DEBUGCTL", index: 0x1d9, reset: 0n, writable: 3n },
  ...variableRanges,
  ...FIXED_RANGES.map(([name, index]): MsrEntry => ({ name, index, reset: 0n, writable: ALL, isValid: isFixedRange })),
  { name: "IA32_PAT", index: 0x277, reset: 0x0007_0406_0007_0406n, writable: ALL, isValid: isPat },
  {
    name: "IA32_MTRR_DEF_TYPE",
    index: 0x2ff,
    reset: 0n,
    writable: 0xcffn,
    isValid: (value) => isMemoryType(value & 0xffn),
  },
  { name: "IA32_STAR", index: 0xc0000081, reset: 0n, writable: ALL, field: "star" },
  { name: "IA32_LSTAR", index: 0xc0000082, reset: 0n, writable: ALL, isCanonical: true, field: "lstar" },
  { name: "IA32_CSTAR", index: 0xc0000083, reset: 0n, writable: ALL, isCanonical: true, field: "cstar" },
  { name: "IA32_FMASK", index: 0xc0000084, reset: 0n, writable: LOW_32, field: "fmask" },
  {
    name: "IA32_KERNEL_GS_BASE",
    index: 0xc0000102,
    reset: 0n,
    writable: ALL,
    isCanonical: true,
    field: "kernelGsBase",
  },
  { name: "IA32_TSC_AUX", index: 0xc0000103, reset: 0n, writable: LOW_32, field: "tscAux" },
];

const TSC = 0x10;
const APIC_BASE = 0x1b;
const TSC_ADJUST = 0x3b;
const EFER = 0xc0000080;
const FS_BASE = 0xc0000100;
const GS_BASE = 0xc0000101;
const FS = 4;
const GS = 5;

export const EFER_BITS = { sce: 1, lme: 0x100, lma: 0x400, nxe: 0x800, defined: 0xd01 } as const;
const CR0_PG = 0x80000000;
/** IA32_APIC_BASE: BSP, enable, and the page. x2APIC mode is not offered. */
const APIC_BASE_WRITABLE = PHYSICAL_PAGE | 0x900n;

const TABLE: ReadonlyMap<number, MsrEntry> = new Map(MSR_TABLE.map((entry) => [entry.index, entry]));

/** What RDMSR and WRMSR reach. */
export class Msrs {
  readonly #cpu: CpuState;
  readonly #clock: () => bigint;
  readonly #translationChanged: () => void;
  /** Whose values these are; another object puts another virtual processor's in their place. */
  values: MsrValues = createMsrValues();

  constructor(cpu: CpuState, clock: () => bigint, translationChanged: () => void) {
    this.#cpu = cpu;
    this.#clock = clock;
    this.#translationChanged = translationChanged;
  }

  get state(): MsrState {
    return this.values.state;
  }

  /** The time-stamp counter. */
  get tsc(): bigint {
    return BigInt.asUintN(64, this.#clock() + this.values.tscAdjust);
  }

  /** undefined where RDMSR raises #GP. */
  read(index: number): bigint | undefined {
    switch (index) {
      case TSC:
        return this.tsc;
      case APIC_BASE:
        return this.values.apicBase;
      case TSC_ADJUST:
        return BigInt.asUintN(64, this.values.tscAdjust);
      case EFER:
        return BigInt(this.#cpu.efer);
      case FS_BASE:
        return this.#cpu.segmentBase(FS);
      case GS_BASE:
        return this.#cpu.segmentBase(GS);
      default:
        return this.#stored(TABLE.get(index));
    }
  }

  #stored(entry: MsrEntry | undefined): bigint | undefined {
    if (entry === undefined) return undefined;
    return entry.field === undefined ? (this.values.others.get(entry.index) ?? entry.reset) : this.state[entry.field];
  }

  /** False where WRMSR raises #GP; nothing has changed then. */
  write(index: number, value: bigint): boolean {
    switch (index) {
      case TSC:
        this.values.tscAdjust += BigInt.asIntN(64, value - this.tsc);
        return true;
      case APIC_BASE:
        if ((value & ~APIC_BASE_WRITABLE) !== 0n) return false;
        this.values.apicBase = value;
        return true;
      case TSC_ADJUST:
        this.values.tscAdjust = BigInt.asIntN(64, value);
        return true;
      case EFER:
        return this.#writeEfer(value);
      case FS_BASE:
      case GS_BASE:
        if (!isCanonical(value)) return false;
        this.#cpu.setSegmentBase(index === FS_BASE ? FS : GS, value);
        return true;
      default:
        return this.#store(TABLE.get(index), value);
    }
  }

  #store(entry: MsrEntry | undefined, value: bigint): boolean {
    if (entry === undefined || entry.writable === 0n || (value & ~entry.writable) !== 0n) return false;
    if ((entry.isCanonical === true && !isCanonical(value)) || entry.isValid?.(value) === false) return false;
    if (entry.field === undefined) this.values.others.set(entry.index, value);
    else this.state[entry.field] = value;
    return true;
  }

  /** LME cannot change while paging is on, and LMA not at all (SDM Vol 3A, 2.2.1, 9.8.5). */
  #writeEfer(value: bigint): boolean {
    const cpu = this.#cpu;
    if ((value & ~BigInt(EFER_BITS.defined)) !== 0n) return false;
    const wanted = (Number(value) & ~EFER_BITS.lma) | (cpu.efer & EFER_BITS.lma);
    if ((cpu.cr0 & CR0_PG) !== 0 && ((wanted ^ cpu.efer) & EFER_BITS.lme) !== 0) return false;
    cpu.efer = wanted;
    this.#translationChanged();
    return true;
  }

  /** Every value that is not its reset value, by name, in hexadecimal: plain data for a snapshot. */
  save(): Record<string, string> {
    const saved: Record<string, string> = {};
    for (const entry of MSR_TABLE) {
      const value = this.#stored(entry);
      if (value !== undefined && value !== entry.reset) saved[entry.name] = value.toString(16);
    }
    saved.IA32_APIC_BASE = this.values.apicBase.toString(16);
    saved.IA32_TSC_ADJUST = BigInt.asUintN(64, this.values.tscAdjust).toString(16);
    return saved;
  }

  /** The reverse of save(); what it does not name is reset. */
  restore(saved: Readonly<Record<string, string>>): void {
    const valueNamed = (name: string): bigint | undefined =>
      saved[name] === undefined ? undefined : BigInt(`0x${saved[name]}`);
    const values = createMsrValues();
    for (const entry of MSR_TABLE) {
      const value = valueNamed(entry.name) ?? entry.reset;
      if (entry.field === undefined) values.others.set(entry.index, value);
      else values.state[entry.field] = value;
    }
    values.apicBase = valueNamed("IA32_APIC_BASE") ?? values.apicBase;
    values.tscAdjust = BigInt.asIntN(64, valueNamed("IA32_TSC_ADJUST") ?? 0n);
    this.values = values;
  }
}
