import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDecodedInstruction, DECODE_STATUS, type DecodedInstruction, decodeInto, FORMS } from "../src/index.ts";

type Bits = 16 | 32 | 64;

interface Vector extends Partial<DecodedInstruction> {
  readonly bits: Bits;
  readonly bytes: string;
  readonly status?: keyof typeof DECODE_STATUS;
  readonly mnemonic?: string;
}

const vectors = JSON.parse(readFileSync(new URL("../vectors/decode.json", import.meta.url), "utf8")) as Vector[];
const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));
const modes = fc.constantFrom<Bits>(16, 32, 64);

describe("decodeInto", () => {
  it.each(vectors)("$bits bits: $bytes is $mnemonic$status", ({ bits, bytes, status = "ok", mnemonic, ...fields }) => {
    const d = createDecodedInstruction();
    const code = bytesOf(bytes);
    expect(decodeInto(code, 0, code.length, bits, d)).toBe(DECODE_STATUS[status]);
    if (mnemonic === undefined) return;
    expect(FORMS[d.form]?.mnemonic).toBe(mnemonic);
    expect(d).toMatchObject(fields);
  });

  it("takes any bytes, offset and mode without a throw, and reads nothing outside the range", () => {
    const d = createDecodedInstruction();
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 0, maxLength: 24 }), fc.nat(4), modes, (code, skipped, bits) => {
        const padded = new Uint8Array(code.length + skipped + 16).fill(0xcc);
        padded.set(code, skipped);
        const end = skipped + code.length;
        const status = decodeInto(padded, skipped, end, bits, d);
        const first = { ...d };
        if (status === DECODE_STATUS.ok) {
          expect(d.length).toBeGreaterThanOrEqual(1);
          expect(d.length).toBeLessThanOrEqual(Math.min(15, code.length));
        }
        padded.fill(0x11, end);
        padded.fill(0x11, 0, skipped);
        expect(decodeInto(padded, skipped, end, bits, d)).toBe(status);
        if (status === DECODE_STATUS.ok) expect(d).toEqual(first);
      }),
      { numRuns: 20_000 },
    );
  });

  it("calls a prefix of an instruction truncated, never something else", () => {
    const d = createDecodedInstruction();
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 15, maxLength: 15 }), modes, (code, bits) => {
        if (decodeInto(code, 0, 15, bits, d) !== DECODE_STATUS.ok) return;
        const { length } = d;
        for (let end = 0; end < length; end++) {
          expect(decodeInto(code, 0, end, bits, d)).toBe(DECODE_STATUS.truncated);
        }
      }),
      { numRuns: 20_000 },
    );
  });
});

describe("the instruction table", () => {
  it("has forms whose ids are their positions", () => {
    expect(FORMS.every((form, i) => form.id === i)).toBe(true);
  });

  it("gives each form an access for each operand", () => {
    expect(FORMS.filter((form) => form.operands.length !== form.access.length)).toEqual([]);
  });
});
