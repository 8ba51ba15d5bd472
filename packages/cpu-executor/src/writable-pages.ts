import { type HostMemory, PAGE_SIZE } from "@likex/host-memory";
import { TLB } from "./context.ts";
import type { TranslationTable } from "./translation-table.ts";

const NOWHERE = 0;
const ONE_PAGE = 1;
const MANY_PAGES = 2;

/**
 * By frame, which linear pages of the soft TLB may be written there: so that one that comes to hold decoded code is found without
 * a look at every entry. What the table has forgotten meanwhile may still be noted.
 */
export class WritablePages {
  readonly #entries: TranslationTable;
  /** For each frame: NOWHERE, MANY_PAGES, or the low half of the one page's address with ONE_PAGE. */
  readonly #pages: Int32Array;

  constructor(memory: HostMemory, entries: TranslationTable) {
    this.#entries = entries;
    this.#pages = new Int32Array(memory.framesTotal);
  }

  /** The table has an entry by which a page, given by its low half, may be written. */
  note(host: number, low: number): void {
    const frame = host / PAGE_SIZE;
    const known = this.#pages[frame] as number;
    const page = (low & -PAGE_SIZE) | ONE_PAGE;
    if (known !== page) this.#pages[frame] = known === NOWHERE ? page : MANY_PAGES;
  }

  /** Takes every entry of a frame from the table. */
  forget(host: number): void {
    const frame = host / PAGE_SIZE;
    const known = this.#pages[frame] as number;
    if (known === MANY_PAGES) this.#entries.forgetAllHolding(TLB.host, host);
    else if (known !== NOWHERE) this.#entries.forgetHolding(known >>> TLB.shift, TLB.host, host);
    this.#pages[frame] = NOWHERE;
  }
}
