import { INVALIDATION } from "../../src/index.ts";

interface CachedTranslation {
  readonly name: string;
  readonly pcid: number;
  readonly linear: number;
  readonly pageSize: number;
  readonly isGlobal: boolean;
}

/** A TLB that never forgets by itself: what an owner of one does with the INVALIDATIONs that it is told. */
export class TlbModel {
  #entries: CachedTranslation[] = [];

  add(name: string, entry: Omit<CachedTranslation, "name">): this {
    this.#entries.push({ name, ...entry });
    return this;
  }

  get names(): string[] {
    return this.#entries.map(({ name }) => name);
  }

  /** `pcid` and `linear`: those that the operation names. */
  invalidate(invalidation: number, pcid: number, linear = 0): this {
    const holds = (entry: CachedTranslation): boolean =>
      linear >= entry.linear && linear < entry.linear + entry.pageSize;
    const isStale = (entry: CachedTranslation): boolean => {
      switch (invalidation) {
        case INVALIDATION.page:
          return holds(entry) && (entry.pcid === pcid || entry.isGlobal);
        case INVALIDATION.pageOfPcid:
          return holds(entry) && entry.pcid === pcid && !entry.isGlobal;
        case INVALIDATION.pcid:
          return entry.pcid === pcid && !entry.isGlobal;
        case INVALIDATION.nonGlobal:
          return !entry.isGlobal;
        case INVALIDATION.all:
          return true;
        default:
          return false;
      }
    };
    this.#entries = this.#entries.filter((entry) => !isStale(entry));
    return this;
  }
}
