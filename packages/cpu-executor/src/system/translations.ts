import { INVALIDATION, type Mmu, PDPTE_LOAD } from "../mmu.ts";
import type { SoftTlb } from "../soft-tlb.ts";
import type { CpuState } from "../state.ts";

/** Beyond every type of INVPCID. */
const NO_TYPE = 2 ** 32;

/**
 * What instructions do to cached translations (SDM Vol 3A, 4.10.4). The Mmu says what is asked; the soft TLB knows pages and
 * everything, and only ever holds what belongs to the current CR3, so some instructions drop more.
 */
export class Translations {
  readonly #mmu: Mmu;
  readonly #tlb: SoftTlb;
  readonly #state: CpuState;

  constructor(mmu: Mmu, tlb: SoftTlb, state: CpuState) {
    this.#mmu = mmu;
    this.#tlb = tlb;
    this.#state = state;
  }

  flush(): void {
    this.#tlb.flush();
  }

  invalidatePage(linearLow: number, linearHigh: number): void {
    this.#tlb.flushPage(linearLow, linearHigh);
  }

  /** INVPCID of a type and a descriptor: false where it raises #GP(0). */
  invalidatePcid(
    typeLow: number,
    typeHigh: number,
    pcidLow: number,
    pcidHigh: number,
    linearLow: number,
    linearHigh: number,
  ): boolean {
    const mmu = this.#mmu;
    const type = typeHigh === 0 ? typeLow >>> 0 : NO_TYPE;
    const what = mmu.invpcid === undefined ? INVALIDATION.all : mmu.invpcid(type, pcidLow, pcidHigh, linearHigh);
    if (what === INVALIDATION.fault) return false;
    const isCurrent = pcidLow === (mmu.pcid ?? 0);
    if (what === INVALIDATION.pageOfPcid) {
      if (isCurrent) this.#tlb.flushPage(linearLow, linearHigh);
    } else if (what !== INVALIDATION.pcid || isCurrent) {
      this.#tlb.flush();
    }
    return true;
  }

  /** Whether MOV of a value to CR3 leaves what is cached for it. */
  survivesMovToCr3(value: bigint): boolean {
    const high = Number(BigInt.asUintN(64, value) >> 32n) | 0;
    return this.#mmu.movToCr3?.(high) === INVALIDATION.none;
  }

  /** A PDPTE_LOAD. */
  loadPdptes(cr3Low: number): number {
    return this.#mmu.loadPdptes === undefined ? PDPTE_LOAD.ok : this.#mmu.loadPdptes(cr3Low);
  }

  /** What the Mmu grants to users depends on PKRU. */
  setPkru(value: number): void {
    const changes = value !== this.#state.pkru;
    this.#state.pkru = value;
    if (this.#mmu.pkru === undefined) return;
    this.#mmu.pkru = value;
    if (changes) this.#tlb.flush();
  }
}
