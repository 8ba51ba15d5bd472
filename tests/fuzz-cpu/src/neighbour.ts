import { Cpu, MMU_RESULT, type Mmu, STOP } from "@likex/cpu-executor";
import type { Arena } from "./arena.ts";
import { PAGE } from "./layout.ts";

/** A program of real mode at address 0 with a known answer in AX and at 1200h. */
export const KNOWN = {
  /** mov cx,300; xor ax,ax; L: add ax,cx; mov [1200h],ax; loop L; hlt */
  program: [0xb9, 0x2c, 0x01, 0x31, 0xc0, 0x01, 0xc8, 0xa3, 0x00, 0x12, 0xe2, 0xf9, 0xf4],
  at: 0x1200,
  sum: ((300 * 301) / 2) & 0xffff,
  instructions: 2 + 3 * 300,
} as const;

/** A page of code and one of data. */
class TwoPages implements Mmu {
  readonly #base: number;
  readonly permissions = 7;
  readonly pageFaultErrorCode = 0;
  guestPage = 0;

  constructor(base: number) {
    this.#base = base;
  }

  get hostPage(): number {
    return this.#base + this.guestPage;
  }

  translate(linearLow: number): number {
    this.guestPage = linearLow & PAGE;
    return MMU_RESULT.ok;
  }
}

/** Another processor on the same host memory, with pages of its own: it must compute what it always computes. */
export class Neighbour {
  readonly #arena: Arena;
  readonly #cpu: Cpu;
  readonly #range: { readonly start: number; readonly end: number };

  constructor(arena: Arena) {
    const { made, range } = arena.between(() => {
      const { memory } = arena;
      const pages = memory.allocateFrames(2);
      memory.u8.set(KNOWN.program, pages);
      return Cpu.create({ memory, mmu: new TwoPages(pages) });
    });
    this.#arena = arena;
    this.#cpu = made;
    this.#range = range;
  }

  /** Runs the program; the text says what is wrong. */
  check(): string | undefined {
    const cpu = this.#cpu;
    const before = cpu.instructionsRetired;
    cpu.ripNumber = 0;
    const stop = cpu.run(PAGE);
    this.#arena.accept(this.#range);
    const [sum, retired] = [cpu.registerLow(0) & 0xffff, cpu.instructionsRetired - before];
    if (stop === STOP.instruction && sum === KNOWN.sum && retired === KNOWN.instructions) return undefined;
    return `the other processor stopped with ${stop} after ${retired} instructions and AX ${sum}`;
  }

  dispose(): void {
    this.#cpu.dispose();
  }
}
