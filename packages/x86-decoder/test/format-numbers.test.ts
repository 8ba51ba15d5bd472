import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createNumberText } from "../src/format/numbers.ts";

const half = fc.oneof(fc.integer({ min: 0, max: 0xffff_ffff }), fc.nat(0xffff), fc.constantFrom(0, 9, 10, 0xa0, 0xfff));
const whole = (low: number, high: number): bigint => (BigInt(high) << 32n) | BigInt(low);

describe("numbers", () => {
  it("are the digits of their value, with a zero where a name could be meant", () => {
    const numbers = createNumberText({ base: 16, prefix: "", suffix: "h", digits: "upper" });
    fc.assert(
      fc.property(half, half, (low, high) => {
        const digits = whole(low, high).toString(16).toUpperCase();
        const expected =
          digits.length === 1 && digits <= "9" ? digits : `${/^[A-F]/.test(digits) ? "0" : ""}${digits}h`;
        expect(numbers.unsigned(low, high)).toBe(expected);
      }),
      { numRuns: 5000 },
    );
  });

  it("have zeros in front where a width is asked for, but not below ten", () => {
    const numbers = createNumberText({ base: 16, prefix: "0x", suffix: "", digits: "lower" });
    fc.assert(
      fc.property(half, half, fc.constantFrom(4, 8, 16), (first, second, width) => {
        const low = width === 4 ? first & 0xffff : first;
        const high = width === 16 ? second : 0;
        const value = whole(low, high);
        const expected = value < 10n ? String(value) : `0x${value.toString(16).padStart(width, "0")}`;
        expect(numbers.padded(low, high, width)).toBe(expected);
      }),
      { numRuns: 5000 },
    );
  });

  it("may be decimal", () => {
    const numbers = createNumberText({ base: 16, prefix: "", suffix: "h", digits: "upper" }, { base: 10 });
    fc.assert(
      fc.property(half, half, (low, high) => {
        expect(numbers.unsigned(low, high)).toBe(String(whole(low, high)));
        expect(numbers.padded(low, high, 16)).toBe(String(whole(low, high)));
      }),
    );
  });
});
