import fc from "fast-check";

/** An entry before it is known where it stands. */
export interface EntrySeed {
  readonly frame: number;
  /** Bits 11:0 without PS. */
  readonly flags: number;
  readonly large: boolean;
  /** Bits 20:12 of a large page: PAT and bits that are reserved, or for 4 MiB pages bits 39:32 of the address. */
  readonly largeBits: number;
  /** Bits 63:52. */
  readonly top: number;
  /** A bit from 21 to 51, or 0 for none. */
  readonly strayBit: number;
}

export interface EptSeed {
  readonly shape: "none" | "4K" | "2M" | "1G";
  readonly tracksAccess: boolean;
  /** Changes of entries: of levels 4 to 2, or of the 4 KiB page `at`. */
  readonly changes: readonly {
    readonly level: number;
    readonly at: number;
    readonly clear: number;
    readonly set: bigint;
  }[];
}

/** First frame of guest memory that tables and pages lie in, and how many do. */
export const POOL_FRAMES = 24;

const often = <T>(weight: number, usual: T, other: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: other });

const PRESENT = 1;
const OPEN = 7;

const flags: fc.Arbitrary<number> = fc.oneof(
  { weight: 12, arbitrary: fc.nat(0xfff).map((value) => (value | OPEN) & ~0x80) },
  { weight: 6, arbitrary: fc.nat(0xfff).map((value) => (value | PRESENT) & ~0x80) },
  { weight: 1, arbitrary: fc.nat(0xfff).map((value) => value & ~(PRESENT | 0x80)) },
);

const entrySeed: fc.Arbitrary<EntrySeed> = fc.record({
  frame: fc.integer({ min: 1, max: POOL_FRAMES }),
  flags,
  large: often(3, false, fc.constant(true)),
  largeBits: often(4, 0, fc.nat(0x1ff)),
  top: fc.oneof(
    { weight: 8, arbitrary: fc.constant(0) },
    { weight: 3, arbitrary: fc.nat(15).map((key) => key << 7) },
    { weight: 2, arbitrary: fc.constant(0x800) },
    { weight: 1, arbitrary: fc.nat(0xfff) },
  ),
  strayBit: often(40, 0, fc.integer({ min: 21, max: 51 })),
});

/** The seeds of the walk's entries, from the root down, and of two entries that belong to no walk. */
export const entrySeeds: fc.Arbitrary<EntrySeed[]> = fc.array(entrySeed, { minLength: 4, maxLength: 4 });

const eptChange = fc.record({
  level: fc.oneof({ weight: 6, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.integer({ min: 2, max: 4 }) }),
  at: fc.integer({ min: 1, max: POOL_FRAMES }),
  clear: fc.nat(7),
  set: often(
    3,
    0n,
    fc.oneof(
      fc.integer({ min: 3, max: 62 }).map((position) => 1n << BigInt(position)),
      fc.constant(0x38n),
    ),
  ),
});

export const eptSeed: fc.Arbitrary<EptSeed> = fc.record({
  shape: fc.oneof(
    { weight: 6, arbitrary: fc.constant("4K" as const) },
    { weight: 1, arbitrary: fc.constantFrom("2M" as const, "1G" as const) },
  ),
  tracksAccess: fc.boolean(),
  changes: fc.array(eptChange, { maxLength: 6 }),
});

/** A linear address whose indices are few, so that large pages lie in the arena; sometimes not canonical. */
export const linearAddress: fc.Arbitrary<bigint> = fc
  .record({
    sign: often(3, 0n, fc.constantFrom(0xffff_8000_0000_0000n, 0x0000_8000_0000_0000n, 0xffff_0000_0000_0000n)),
    top: fc.constantFrom(0n, 1n, 255n),
    third: fc.constantFrom(0n, 1n, 2n, 3n),
    second: fc.constantFrom(0n, 1n, 2n),
    first: fc.constantFrom(0n, 1n, 5n, 511n),
  })
  .map(
    ({ sign, top, third, second, first }) => sign | (top << 39n) | (third << 30n) | (second << 21n) | (first << 12n),
  );

export const registerBits = (positions: readonly number[]): fc.Arbitrary<bigint> =>
  fc
    .array(fc.boolean(), { minLength: positions.length, maxLength: positions.length })
    .map((chosen) =>
      positions.reduce((sum, position, i) => (chosen[i] === true ? sum | (1n << BigInt(position)) : sum), 0n),
    );
