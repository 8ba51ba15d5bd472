import { SEGMENT } from "../context.ts";
import { PDPTE_LOAD } from "../mmu.ts";
import type { CpuState } from "../state.ts";
import { STOP } from "../stop.ts";
import type { SystemAccess } from "./access.ts";
import { EFER_BITS } from "./msrs.ts";
import type { Translations } from "./translations.ts";

/** CR0 bits (SDM Vol 3A, 2.5). */
export const CR0 = {
  pe: 1,
  mp: 2,
  em: 4,
  ts: 8,
  et: 0x10,
  ne: 0x20,
  wp: 0x10000,
  am: 0x40000,
  nw: 0x20000000,
  cd: 0x40000000,
  pg: 0x80000000,
  /** Those that exist; the others read as 0. */
  defined: 0xe005003f,
} as const;

export const CR4 = {
  vme: 1,
  pvi: 2,
  tsd: 4,
  de: 8,
  pse: 0x10,
  pae: 0x20,
  pge: 0x80,
  umip: 0x800,
  fsgsbase: 0x10000,
  pcide: 0x20000,
  osxsave: 0x40000,
  smep: 0x100000,
  smap: 0x200000,
  pke: 0x400000,
  /** VME to UMIP, FSGSBASE, PCIDE, OSXSAVE, SMEP, SMAP, PKE: a 1 elsewhere is #GP. */
  defined: 0x770fff,
} as const;

const PHYSICAL_BITS = 46n;
/** CR3 bit 63: keep the translations of the new PCID. */
const CR3_NO_INVALIDATE = 1n << 63n;
const LMSW_BITS = 0xf;
const TSS_32_BIT = 8;

/** What a write to a control register comes to; nothing has changed unless it is done. */
export const CONTROL_WRITE = {
  done: 0,
  /** #GP(0). */
  fault: 1,
  /** The Mmu could not read the page-directory-pointer table. */
  stop: 2,
} as const;

/** What follows a write that is not done. */
export const failControlWrite = (access: SystemAccess, result: number): number =>
  result === CONTROL_WRITE.fault ? access.generalProtection(0) : access.stop(STOP.mmu);

/** Bits whose change loads the PDPTE registers where PAE paging is in use (SDM Vol 3A, 4.4.1). */
const CR0_LOADS_PDPTES = (CR0.pg | CR0.cd | CR0.nw) >>> 0;
const CR4_LOADS_PDPTES = CR4.pse | CR4.pae | CR4.pge | CR4.smep;

/** Writes to control registers with their #GP rules (SDM Vol 2B, "MOV: Move to/from Control Registers"). */
export class ControlRegisters {
  readonly #state: CpuState;
  readonly #translations: Translations;
  readonly #changed: () => void;

  constructor(state: CpuState, translations: Translations, translationChanged: () => void) {
    this.#state = state;
    this.#translations = translations;
    this.#changed = translationChanged;
  }

  /** Value of CR0, CR2, CR3, CR4 or CR8; undefined for a register that does not exist. */
  read(register: number): bigint | undefined {
    const state = this.#state;
    switch (register) {
      case 0:
        return BigInt(state.cr0 >>> 0);
      case 2:
        return state.cr2;
      case 3:
        return state.cr3;
      case 4:
        return BigInt(state.cr4 >>> 0);
      case 8:
        return BigInt(state.cr8);
      default:
        return undefined;
    }
  }

  /** Writes a register; a CONTROL_WRITE. */
  write(register: number, value: bigint): number {
    const state = this.#state;
    switch (register) {
      case 0:
        return this.#writeCr0(value);
      case 2:
        state.cr2 = value;
        return CONTROL_WRITE.done;
      case 3:
        return this.#writeCr3(value);
      case 4:
        return this.#writeCr4(value);
      default:
        if (value > 15n) return CONTROL_WRITE.fault;
        state.cr8 = Number(value);
        return CONTROL_WRITE.done;
    }
  }

  #writeCr0(value: bigint): number {
    const state = this.#state;
    if (value >> 32n !== 0n) return CONTROL_WRITE.fault;
    const next = ((Number(value) & CR0.defined) | CR0.et) >>> 0;
    const pages = (next & CR0.pg) !== 0;
    if ((pages && (next & CR0.pe) === 0) || ((next & CR0.nw) !== 0 && (next & CR0.cd) === 0))
      return CONTROL_WRITE.fault;
    const turnsPaging = ((next ^ state.cr0) & CR0.pg) !== 0;
    let { efer } = state;
    if (turnsPaging && pages && (state.efer & EFER_BITS.lme) !== 0) {
      const isLongCode = (state.segmentAccessRights(SEGMENT.cs) & (1 << 13)) !== 0;
      if ((state.cr4 & CR4.pae) === 0 || isLongCode) return CONTROL_WRITE.fault;
      if ((state.segmentAccessRights(SEGMENT.tr) & TSS_32_BIT) === 0) return CONTROL_WRITE.fault;
      efer |= EFER_BITS.lma;
    } else if (turnsPaging && !pages) {
      if (state.codeBits === 64 || (state.cr4 & CR4.pcide) !== 0) return CONTROL_WRITE.fault;
      efer &= ~EFER_BITS.lma;
    }
    if (((next ^ state.cr0) & CR0_LOADS_PDPTES) !== 0) {
      const loaded = this.#loadPdptes(next, state.cr4, efer, state.cr3);
      if (loaded !== CONTROL_WRITE.done) return loaded;
    }
    const changes = next !== state.cr0 >>> 0;
    state.efer = efer;
    state.cr0 = next;
    if (changes) this.#changed();
    return CONTROL_WRITE.done;
  }

  #writeCr3(value: bigint): number {
    const state = this.#state;
    const address = (state.cr4 & CR4.pcide) !== 0 ? value & ~CR3_NO_INVALIDATE : value;
    if (address >> PHYSICAL_BITS !== 0n) return CONTROL_WRITE.fault;
    const loaded = this.#loadPdptes(state.cr0, state.cr4, state.efer, address);
    if (loaded !== CONTROL_WRITE.done) return loaded;
    const keeps = address === state.cr3 && this.#translations.survivesMovToCr3(value);
    state.cr3 = address;
    if (!keeps) this.#changed();
    return CONTROL_WRITE.done;
  }

  #writeCr4(value: bigint): number {
    const state = this.#state;
    if ((value & ~BigInt(CR4.defined)) !== 0n) return CONTROL_WRITE.fault;
    const next = Number(value);
    if (state.isLongMode && (next & CR4.pae) === 0) return CONTROL_WRITE.fault;
    const setsPcide = (next & ~state.cr4 & CR4.pcide) !== 0;
    if (setsPcide && (!state.isLongMode || (state.cr3 & 0xfffn) !== 0n)) return CONTROL_WRITE.fault;
    if (((next ^ state.cr4) & CR4_LOADS_PDPTES) !== 0) {
      const loaded = this.#loadPdptes(state.cr0, next, state.efer, state.cr3);
      if (loaded !== CONTROL_WRITE.done) return loaded;
    }
    state.cr4 = next;
    this.#changed();
    return CONTROL_WRITE.done;
  }

  /** Loads the PDPTE registers for the CR3 of a task that has just been entered; a CONTROL_WRITE. */
  loadTaskPdptes(): number {
    const { cr0, cr4, efer, cr3 } = this.#state;
    return this.#loadPdptes(cr0, cr4, efer, cr3);
  }

  /** Loads the PDPTE registers if PAE paging is in use with these registers. */
  #loadPdptes(cr0: number, cr4: number, efer: number, cr3: bigint): number {
    const isPae = (cr0 & CR0.pg) !== 0 && (cr4 & CR4.pae) !== 0 && (efer & EFER_BITS.lma) === 0;
    const result = isPae ? this.#translations.loadPdptes(Number(BigInt.asUintN(32, cr3)) | 0) : PDPTE_LOAD.ok;
    if (result === PDPTE_LOAD.ok) return CONTROL_WRITE.done;
    return result === PDPTE_LOAD.reserved ? CONTROL_WRITE.fault : CONTROL_WRITE.stop;
  }

  clearTaskSwitched(): void {
    this.#state.cr0 = (this.#state.cr0 & ~CR0.ts) >>> 0;
  }

  /** LMSW: PE, MP, EM and TS; PE is never cleared. */
  loadMachineStatus(value: number): void {
    const state = this.#state;
    const kept = state.cr0 & CR0.pe;
    const next = ((state.cr0 & ~LMSW_BITS) | (value & LMSW_BITS) | kept) >>> 0;
    const changes = next !== state.cr0 >>> 0;
    state.cr0 = next;
    if (changes) this.#changed();
  }
}
