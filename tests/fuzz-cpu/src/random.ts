import { Numbers } from "../../../packages/x86-decoder/scripts/streams.ts";
import { AT, MMIO, PAGE, RAM_PAGES } from "./layout.ts";

const BORDERS: readonly bigint[] = [
  ...[0n, 1n, 2n, 0x7fn, 0x80n, 0xffn, 0x7fffn, 0x8000n, 0xffffn, 0x10000n],
  ...[0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn, 0x1_0000_0000n],
  ...[0x7fff_ffff_ffffn, 0x8000_0000_0000n, 0xffff_7fff_ffff_ffffn, 0xffff_8000_0000_0000n],
  ...[0x7fff_ffff_ffff_ffffn, 0x8000_0000_0000_0000n, 0xffff_ffff_ffff_ffffn],
];

/** Offsets at which operands cross something. */
const EDGES: readonly number[] = [0, 1, 0xfff, 0xffe, 0xffc, 0xff8, 0xff1, 0x800];

/** Random values with a liking for those that matter to a processor. */
export class Random extends Numbers {
  /** True `percent` times of a hundred. */
  percent(percent: number): boolean {
    return this.below(100) < percent;
  }

  /** 32 random bits. */
  bits32(): number {
    return ((this.below(0x10000) << 16) | this.below(0x10000)) >>> 0;
  }

  bits64(): bigint {
    return (BigInt(this.bits32()) << 32n) | BigInt(this.bits32());
  }

  /** Each of the given bits with an even chance. */
  some(mask: number): number {
    return (this.bits32() & mask) >>> 0;
  }

  /** A guest-physical address, nearly always one with something behind it. */
  physical(): number {
    const page = this.chance(8)
      ? MMIO.first + this.below(MMIO.end - MMIO.first)
      : this.chance(30)
        ? this.below(0x100000)
        : this.below(RAM_PAGES);
    return page * PAGE + (this.chance(2) ? this.of(EDGES) : this.below(PAGE));
  }

  /** An address in the pages of code or data. */
  ordinary(): number {
    const page = this.chance(3) ? AT.code + this.below(AT.codeEnd - AT.code) : AT.data + this.below(16);
    return page * PAGE + (this.chance(3) ? this.of(EDGES) : this.below(PAGE));
  }

  /** 64 bits: an address, a value near a border of some width, a small number, or anything. */
  value(): bigint {
    switch (this.below(8)) {
      case 0:
      case 1:
      case 2:
        return BigInt(this.ordinary());
      case 3:
        return BigInt(this.physical());
      case 4:
        return BigInt.asUintN(64, this.of(BORDERS) + BigInt(this.below(17) - 8));
      case 5:
        return BigInt(this.below(64));
      case 6:
        // The same memory, as IA-32e mode's other half of the address space sees it.
        return 0xffff_8000_0000_0000n + BigInt(this.ordinary());
      default:
        return this.bits64() >> BigInt(this.below(64));
    }
  }
}
