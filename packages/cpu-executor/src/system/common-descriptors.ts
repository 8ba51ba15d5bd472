import { TLB } from "../context.ts";
import type { SoftTlb } from "../soft-tlb.ts";
import type { CpuState } from "../state.ts";
import { RIGHTS, SELECTOR } from "./descriptor.ts";

/** S, code, accessed and present: what a code or data segment that is ready for use has. */
const READY = RIGHTS.present | RIGHTS.segment | RIGHTS.accessed;
const CONFORMING_CODE = RIGHTS.code | RIGHTS.conforming;
const TABLE = ~7;

/** A segment descriptor that has been read; rewritten by the next one of its kind. */
export interface DescriptorWords {
  readonly selector: number;
  readonly dpl: number;
  /** In the format of the VMCS. */
  readonly rights: number;
  /** As int32. */
  readonly base: number;
  readonly limit: number;
}

/** Descriptors that lie in the GDT and in the soft TLB, for the common cases of delivery and return. */
export class CommonDescriptors {
  readonly #state: CpuState;
  readonly #tlb: SoftTlb;
  readonly #i32: Int32Array;
  readonly #code = { selector: 0, dpl: 0, rights: 0, base: 0, limit: 0 };
  readonly #data = { selector: 0, dpl: 0, rights: 0, base: 0, limit: 0 };

  constructor(state: CpuState, tlb: SoftTlb, i32: Int32Array) {
    this.#state = state;
    this.#tlb = tlb;
    this.#i32 = i32;
  }

  /** Where a system table's bytes are, as an index of words; 0 where the soft TLB does not say or they are not aligned. */
  readAt(baseLow: number, baseHigh: number, offset: number, bytes: number): number {
    const low = (baseLow >>> 0) + offset;
    if (low >= 2 ** 32) return 0;
    const host = this.#tlb.cachedImplicit(TLB.read, bytes, low | 0, baseHigh);
    return (host & 3) === 0 ? host >> 2 : 0;
  }

  /** A nonconforming code segment; undefined where it is none or not ready. */
  code(selector: number): DescriptorWords | undefined {
    const found = this.#code;
    return this.#read(selector, found) && (found.rights & CONFORMING_CODE) === RIGHTS.code ? found : undefined;
  }

  /** A writable data segment of a level, with that level as the selector's RPL, that grows upwards. */
  data(selector: number, level: number): DescriptorWords | undefined {
    const found = this.#data;
    if ((selector & SELECTOR.rpl) !== level || !this.#read(selector, found) || found.dpl !== level) return undefined;
    return (found.rights & (CONFORMING_CODE | RIGHTS.readWrite)) === RIGHTS.readWrite ? found : undefined;
  }

  #read(selector: number, into: { -readonly [K in keyof DescriptorWords]: DescriptorWords[K] }): boolean {
    const state = this.#state;
    const offset = selector & TABLE;
    if (offset === 0 || (selector & SELECTOR.table) !== 0 || offset + 7 > state.gdtrLimit) return false;
    const at = this.readAt(state.gdtrBaseLow, state.gdtrBaseHigh, offset, 8);
    if (at === 0) return false;
    const low = this.#i32[at] as number;
    const high = this.#i32[at + 1] as number;
    const rights = (high >>> 8) & 0xf0ff;
    if ((rights & READY) !== READY) return false;
    const limit = (low & 0xffff) | (high & 0xf0000);
    into.selector = selector;
    into.rights = rights;
    into.dpl = (rights >> 5) & 3;
    into.base = (low >>> 16) | ((high & 0xff) << 16) | (high & 0xff000000);
    into.limit = (rights & RIGHTS.granularity) !== 0 ? ((limit << 12) | 0xfff) >>> 0 : limit;
    return true;
  }

  /** Loads a segment register; nothing is to do where it holds the same already. */
  load(register: number, selector: number, from: DescriptorWords): void {
    const state = this.#state;
    const isSame =
      state.segmentSelector(register) === selector &&
      state.segmentAccessRights(register) === from.rights &&
      state.segmentLimit(register) === from.limit &&
      state.segmentBaseLow(register) === from.base &&
      state.segmentBaseHigh(register) === 0;
    if (!isSame) state.setSegmentRaw(register, selector, from.base, 0, from.limit, from.rights);
  }
}
