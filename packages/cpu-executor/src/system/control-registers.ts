import { SEGMENT } from "../context.ts";
import type { CpuState } from "../state.ts";
import { EFER_BITS } from "./msrs.ts";

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
  pae: 0x20,
  umip: 0x800,
  fsgsbase: 0x10000,
  pcide: 0x20000,
  osxsave: 0x40000,
  smap: 0x200000,
  /** VME to UMIP, FSGSBASE, PCIDE, OSXSAVE, SMEP, SMAP, PKE: a 1 elsewhere is #GP. */
  defined: 0x770fff,
} as const;

const PHYSICAL_BITS = 46n;
/** CR3 bit 63: keep the translations of the new PCID. */
const CR3_NO_INVALIDATE = 1n << 63n;
const LMSW_BITS = 0xf;
const TSS_32_BIT = 8;

/** Writes to control registers with their #GP rules (SDM Vol 2B, "MOV: Move to/from Control Registers"). */
export class ControlRegisters {
  readonly #state: CpuState;
  readonly #changed: () => void;

  constructor(state: CpuState, translationChanged: () => void) {
    this.#state = state;
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

  /** False where the write raises #GP(0); nothing has changed then. */
  write(register: number, value: bigint): boolean {
    const state = this.#state;
    switch (register) {
      case 0:
        return this.#writeCr0(value);
      case 2:
        state.cr2 = value;
        return true;
      case 3:
        return this.#writeCr3(value);
      case 4:
        return this.#writeCr4(value);
      default:
        if (value > 15n) return false;
        state.cr8 = Number(value);
        return true;
    }
  }

  #writeCr0(value: bigint): boolean {
    const state = this.#state;
    if (value >> 32n !== 0n) return false;
    const next = ((Number(value) & CR0.defined) | CR0.et) >>> 0;
    const pages = (next & CR0.pg) !== 0;
    if ((pages && (next & CR0.pe) === 0) || ((next & CR0.nw) !== 0 && (next & CR0.cd) === 0)) return false;
    const turnsPaging = ((next ^ state.cr0) & CR0.pg) !== 0;
    if (turnsPaging && pages && (state.efer & EFER_BITS.lme) !== 0) {
      const isLongCode = (state.segmentAccessRights(SEGMENT.cs) & (1 << 13)) !== 0;
      if ((state.cr4 & CR4.pae) === 0 || isLongCode) return false;
      if ((state.segmentAccessRights(SEGMENT.tr) & TSS_32_BIT) === 0) return false;
      state.efer |= EFER_BITS.lma;
    } else if (turnsPaging && !pages) {
      if (state.codeBits === 64 || (state.cr4 & CR4.pcide) !== 0) return false;
      state.efer &= ~EFER_BITS.lma;
    }
    const changes = next !== state.cr0 >>> 0;
    state.cr0 = next;
    if (changes) this.#changed();
    return true;
  }

  #writeCr3(value: bigint): boolean {
    const state = this.#state;
    const address = (state.cr4 & CR4.pcide) !== 0 ? value & ~CR3_NO_INVALIDATE : value;
    if (address >> PHYSICAL_BITS !== 0n) return false;
    state.cr3 = address;
    this.#changed();
    return true;
  }

  #writeCr4(value: bigint): boolean {
    const state = this.#state;
    if ((value & ~BigInt(CR4.defined)) !== 0n) return false;
    const next = Number(value);
    if (state.isLongMode && (next & CR4.pae) === 0) return false;
    const setsPcide = (next & ~state.cr4 & CR4.pcide) !== 0;
    if (setsPcide && (!state.isLongMode || (state.cr3 & 0xfffn) !== 0n)) return false;
    state.cr4 = next;
    this.#changed();
    return true;
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
