import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pack } from "../scripts/packing/pack.ts";
import { unpackerModule } from "../scripts/packing/unpacker.ts";
import { UNPACKER_BYTES } from "../src/generated/unpacker.ts";
import { unpack } from "../src/unpack.ts";

const roundTrip = (bytes: Uint8Array): Uint8Array => unpack(Buffer.from(pack(bytes)).toString("base64"));

/** Runs and repetitions of all lengths and distances around those where the format changes. */
const pieces = fc.array(
  fc.oneof(
    fc.uint8Array({ maxLength: 20 }),
    fc
      .tuple(fc.uint8Array({ minLength: 1, maxLength: 10 }), fc.integer({ min: 1, max: 600 }))
      .map(([piece, size]) => Uint8Array.from({ length: size }, (_, i) => piece[i % piece.length] as number)),
  ),
  { maxLength: 20 },
);

describe("packed bytes", () => {
  it("are the same when unpacked", () => {
    fc.assert(
      fc.property(pieces, (list) => {
        const bytes = Buffer.concat(list);
        expect(Buffer.from(roundTrip(bytes)).equals(bytes)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it.each([0, 1, 4, 5, 14, 15, 16, 269, 270, 271, 65_534, 65_535, 65_536, 70_000])(
    "are the same with %i bytes between what is repeated",
    (between) => {
      const random = Uint8Array.from({ length: between }, (_, i) => Math.imul(i * i + 7, -1640531535) >>> 24);
      const repeated = Uint8Array.from({ length: 40 }, (_, i) => i);
      const bytes = Buffer.concat([repeated, random, repeated]);
      expect(Buffer.from(roundTrip(bytes)).equals(bytes)).toBe(true);
    },
  );

  it("take few where all repeats", () => {
    expect(pack(new Uint8Array(2000)).length).toBeLessThan(50);
  });

  it("are unpacked by what scripts/packing/unpacker.ts gives", () => {
    expect(Buffer.from(unpackerModule()).toString("base64")).toBe(UNPACKER_BYTES);
  });
});
