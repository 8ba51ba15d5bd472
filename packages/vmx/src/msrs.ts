import { CPU_BASED } from "./controls.ts";
import type { Guest } from "./guest.ts";
import { EFER, isPatValid } from "./host-checks.ts";
import type { VmxMsrState } from "./processor.ts";
import { VMCS_OFFSET as F } from "./vmcs-fields.ts";

/** The model-specific registers that a guest may reach (SDM Vol 4). */
export const MSR = {
  IA32_TIME_STAMP_COUNTER: 0x10,
  IA32_SMM_MONITOR_CTL: 0x9b,
  IA32_SYSENTER_CS: 0x174,
  IA32_SYSENTER_ESP: 0x175,
  IA32_SYSENTER_EIP: 0x176,
  IA32_DEBUGCTL: 0x1d9,
  IA32_PAT: 0x277,
  IA32_EFER: 0xc0000080,
  IA32_STAR: 0xc0000081,
  IA32_LSTAR: 0xc0000082,
  IA32_CSTAR: 0xc0000083,
  IA32_FMASK: 0xc0000084,
  IA32_FS_BASE: 0xc0000100,
  IA32_GS_BASE: 0xc0000101,
  IA32_KERNEL_GS_BASE: 0xc0000102,
  IA32_TSC_AUX: 0xc0000103,
} as const;

const FS = 4;
const GS = 5;
const CR0_PG = 0x80000000;
const ENTRY_BYTES = 16;

const isCanonical = (value: bigint): boolean => BigInt.asIntN(48, value) === BigInt.asIntN(64, value);

/** MSRs that the VMCS does not hold: guest and host share them, and the MSR areas switch them. */
const SHARED: ReadonlyMap<number, keyof VmxMsrState> = new Map([
  [MSR.IA32_STAR, "star"],
  [MSR.IA32_LSTAR, "lstar"],
  [MSR.IA32_CSTAR, "cstar"],
  [MSR.IA32_FMASK, "fmask"],
  [MSR.IA32_KERNEL_GS_BASE, "kernelGsBase"],
  [MSR.IA32_TSC_AUX, "tscAux"],
]);
const CANONICAL: readonly number[] = [MSR.IA32_LSTAR, MSR.IA32_CSTAR, MSR.IA32_KERNEL_GS_BASE];

/** The MSRs in non-root operation, and the MSR areas of entries and exits (SDM Vol 3C, "Loading MSRs", "Saving MSRs"). */
export class MsrFile {
  readonly #guest: Guest;
  readonly #readTsc: () => bigint;

  constructor(guest: Guest, readTsc: () => bigint) {
    this.#guest = guest;
    this.#readTsc = readTsc;
  }

  /** TSC as the guest sees it. */
  guestTsc(): bigint {
    const { vmcs } = this.#guest;
    const offset = vmcs.low(F.CPU_BASED_VM_EXEC_CONTROL) & CPU_BASED.useTscOffsetting ? vmcs.wide(F.TSC_OFFSET) : 0n;
    return BigInt.asUintN(64, this.#readTsc() + offset);
  }

  /** Whether RDMSR or WRMSR of an MSR exits; `write`: 1 for WRMSR, 0 for RDMSR. */
  exits(index: number, write: number): boolean {
    const { vmcs, memory } = this.#guest;
    if ((vmcs.low(F.CPU_BASED_VM_EXEC_CONTROL) & CPU_BASED.useMsrBitmaps) === 0) return true;
    // Four bitmaps of 1 KiB: reads of 0..1fff, reads of c0000000..c0001fff, then writes of both.
    const isHigh = index >= 0xc0000000 && index <= 0xc0001fff;
    if (!isHigh && index > 0x1fff) return true;
    const bit = index & 0x1fff;
    const at = vmcs.number(F.MSR_BITMAP) + write * 2048 + (isHigh ? 1024 : 0) + (bit >> 3);
    return ((memory.u8[at] ?? 0xff) & (1 << (bit & 7))) !== 0;
  }

  /** The value, or undefined where RDMSR raises #GP. */
  read(index: number): bigint | undefined {
    const { vmcs, cpu } = this.#guest;
    switch (index) {
      case MSR.IA32_TIME_STAMP_COUNTER:
        return this.guestTsc();
      case MSR.IA32_SYSENTER_CS:
        return BigInt(vmcs.low(F.GUEST_SYSENTER_CS));
      case MSR.IA32_SYSENTER_ESP:
        return vmcs.wide(F.GUEST_SYSENTER_ESP);
      case MSR.IA32_SYSENTER_EIP:
        return vmcs.wide(F.GUEST_SYSENTER_EIP);
      case MSR.IA32_DEBUGCTL:
        return vmcs.wide(F.GUEST_IA32_DEBUGCTL);
      case MSR.IA32_PAT:
        return vmcs.wide(F.GUEST_IA32_PAT);
      case MSR.IA32_EFER:
        return BigInt(cpu.efer);
      case MSR.IA32_FS_BASE:
        return this.#segmentBase(FS);
      case MSR.IA32_GS_BASE:
        return this.#segmentBase(GS);
      default: {
        const field = SHARED.get(index);
        return field === undefined ? undefined : cpu.msrState[field];
      }
    }
  }

  /** False where WRMSR raises #GP; nothing has changed then. */
  write(index: number, value: bigint): boolean {
    const { vmcs, cpu } = this.#guest;
    switch (index) {
      case MSR.IA32_SYSENTER_CS:
        vmcs.setLow(F.GUEST_SYSENTER_CS, Number(value & 0xffffffffn));
        cpu.msrState.sysenterCs = value & 0xffffffffn;
        return true;
      case MSR.IA32_SYSENTER_ESP:
        return this.#writeCanonical(F.GUEST_SYSENTER_ESP, "sysenterEsp", value);
      case MSR.IA32_SYSENTER_EIP:
        return this.#writeCanonical(F.GUEST_SYSENTER_EIP, "sysenterEip", value);
      case MSR.IA32_PAT:
        if (!isPatValid(Number(value & 0xffffffffn), Number(value >> 32n))) return false;
        vmcs.setWide(F.GUEST_IA32_PAT, value);
        return true;
      case MSR.IA32_EFER:
        return this.#writeEfer(value);
      case MSR.IA32_FS_BASE:
        return this.#setSegmentBase(FS, value);
      case MSR.IA32_GS_BASE:
        return this.#setSegmentBase(GS, value);
      default:
        return this.#writeShared(index, value);
    }
  }

  /** VM-entry MSR-load area: 0, or the number (from 1) of the entry that cannot be loaded. */
  loadGuest(address: number, count: number): number {
    return this.#each(address, count, (index, value) => {
      if (index === MSR.IA32_FS_BASE || index === MSR.IA32_GS_BASE) return false;
      return !isNeverLoaded(index) && this.write(index, value);
    });
  }

  /**
   * VM-exit MSR-load area. The host is the software around this package: of the MSRs, only those that guest and host share
   * are loaded; the others have their guest value in the VMCS, and no host register to go to.
   */
  loadHost(address: number, count: number): number {
    return this.#each(address, count, (index, value) => {
      if (index === MSR.IA32_FS_BASE || index === MSR.IA32_GS_BASE || isNeverLoaded(index)) return false;
      return SHARED.has(index) ? this.#writeShared(index, value) : this.read(index) !== undefined;
    });
  }

  /** VM-exit MSR-store area: 0, or the number (from 1) of the entry that cannot be stored. */
  store(address: number, count: number): number {
    const { u32, u64 } = this.#guest.memory;
    for (let i = 0; i < count; i++) {
      const at = address + i * ENTRY_BYTES;
      const value = u32[(at + 4) >> 2] === 0 ? this.read(u32[at >> 2]!) : undefined;
      if (value === undefined) return i + 1;
      u64[(at + 8) >> 3] = value;
    }
    return 0;
  }

  #each(address: number, count: number, load: (index: number, value: bigint) => boolean): number {
    const { u32, u64 } = this.#guest.memory;
    for (let i = 0; i < count; i++) {
      const at = address + i * ENTRY_BYTES;
      // Bits 63:32 of the first half are reserved; beyond the arena both reads are undefined.
      if (u32[(at + 4) >> 2] !== 0 || !load(u32[at >> 2]!, u64[(at + 8) >> 3]!)) return i + 1;
    }
    return 0;
  }

  #writeCanonical(offset: number, field: keyof VmxMsrState, value: bigint): boolean {
    if (!isCanonical(value)) return false;
    this.#guest.vmcs.setWide(offset, value);
    this.#guest.cpu.msrState[field] = value;
    return true;
  }

  #writeShared(index: number, value: bigint): boolean {
    const field = SHARED.get(index);
    if (field === undefined || (CANONICAL.includes(index) && !isCanonical(value))) return false;
    if ((index === MSR.IA32_TSC_AUX || index === MSR.IA32_FMASK) && value >> 32n !== 0n) return false;
    this.#guest.cpu.msrState[field] = value;
    return true;
  }

  #writeEfer(value: bigint): boolean {
    const { cpu, state } = this.#guest;
    if ((value & ~BigInt(EFER.defined)) !== 0n) return false;
    const wanted = (Number(value) & ~EFER.lma) | (cpu.efer & EFER.lma);
    if (cpu.cr0 & CR0_PG && (wanted ^ cpu.efer) & EFER.lme) return false;
    cpu.efer = wanted;
    state.contextChanged();
    return true;
  }

  #segmentBase(index: number): bigint {
    const { cpu } = this.#guest;
    return (BigInt(cpu.segmentBaseHigh(index) >>> 0) << 32n) | BigInt(cpu.segmentBaseLow(index) >>> 0);
  }

  #setSegmentBase(index: number, base: bigint): boolean {
    if (!isCanonical(base)) return false;
    const { cpu } = this.#guest;
    const low = Number(BigInt.asIntN(32, base));
    const high = Number(base >> 32n) | 0;
    const limit = cpu.segmentLimit(index);
    cpu.setSegmentRaw(index, cpu.segmentSelector(index), low, high, limit, cpu.segmentAccessRights(index));
    return true;
  }
}

/** SDM Vol 3C, "Loading MSRs": x2APIC registers and IA32_SMM_MONITOR_CTL. */
const isNeverLoaded = (index: number): boolean => index >> 8 === 8 || index === MSR.IA32_SMM_MONITOR_CTL;
