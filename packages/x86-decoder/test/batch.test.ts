import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formBytes, Numbers, PATTERNS } from "../scripts/streams.ts";
import {
  createDecodedInstruction,
  createInstructionRows,
  DECODE_STATUS,
  DecoderError,
  decodeBatch,
  decodeInto,
  FORMS,
  unpackRow,
} from "../src/index.ts";

const modes = fc.constantFrom<16 | 32 | 64>(16, 32, 64);

/** Code of a few encodings of random forms, one behind the other. */
const code = fc.tuple(fc.nat(0x7fff_ffff), fc.integer({ min: 1, max: 12 })).map(([seed, count]) => {
  const numbers = new Numbers(seed + 1);
  const parts = Array.from({ length: count }, () => formBytes(numbers.of(PATTERNS), 64, numbers).subarray(0, 12));
  return Uint8Array.from(parts.flatMap((part) => [...part]));
});

const BEHIND_MODRM = [0x65, 0xf2, 0x34, 0x56, 0x78, 0x9a];
const FIELDS = ["length", "form", "flags", "registers", "displacement", "immediate", "immediate2"] as const;

describe("decodeBatch", () => {
  it("finds what decodeInto finds at each place, and goes on by one byte where there is no instruction", () => {
    const rows = createInstructionRows(256);
    const single = createDecodedInstruction();
    const fromRow = createDecodedInstruction();
    fc.assert(
      fc.property(code, modes, (bytes, bits) => {
        const count = decodeBatch(bytes, 0, bytes.length, bits, rows);
        let at = 0;
        for (let i = 0; i < count; i++) {
          expect(rows.offset[i]).toBe(at);
          const status = decodeInto(bytes, at, bytes.length, bits, single);
          expect(rows.form[i] === 0).toBe(status !== DECODE_STATUS.ok);
          if (status === DECODE_STATUS.ok) {
            unpackRow(rows, i, fromRow);
            expect({ ...fromRow, row: undefined }).toEqual({ ...single, row: undefined });
            at += single.length;
          } else {
            expect([rows.length[i], rows.flags[i]]).toEqual([1, single.reason]);
            at += 1;
          }
        }
        expect(rows.next).toBe(at);
        if (at < bytes.length) {
          expect(decodeInto(bytes, at, bytes.length, bits, single)).toBe(DECODE_STATUS.truncated);
        }
      }),
      { numRuns: 400 },
    );
  });

  it("fills the rows of every VEX prefix and opcode as one row alone, which takes the long path", () => {
    const many = createInstructionRows(600);
    const one = createInstructionRows(1);
    const vex2 = Array.from({ length: 256 }, (_, payload) => [0xc5, payload]);
    const vex3 = Array.from({ length: 5 * 256 }, (_, n) => [0xc4, ((n & 7) << 5) | (n >> 8), n & 0xff]);
    const differences: number[][] = [];
    for (const [n, vex] of [...vex2, ...vex3].entries()) {
      const before = [[], [], [0x64], [0xf3], [0x2e, 0x65]][n % 5]!;
      const modrm = [0xca, 0x44, 0x05, 0x8c, 0x11][(n >> 2) % 5]!;
      const source = Uint8Array.from(
        Array.from({ length: 256 }, (_, opcode) => [...before, ...vex, opcode, modrm, ...BEHIND_MODRM]).flat(),
      );
      const count = decodeBatch(source, 0, source.length, 64, many);
      for (let row = 0; row < count; row++) {
        decodeBatch(source, many.offset[row]!, source.length, 64, one);
        if (FIELDS.some((field) => many[field][row] !== one[field][0])) differences.push([...before, ...vex, row]);
      }
    }
    expect(differences).toEqual([]);
  });

  it("stops when the rows are full and goes on where it stopped", () => {
    const bytes = Uint8Array.from({ length: 100 }, () => 0x90);
    const rows = createInstructionRows(30);
    const counts: number[] = [];
    for (let at = 0; at < bytes.length; at = rows.next) counts.push(decodeBatch(bytes, at, bytes.length, 64, rows));
    expect(counts).toEqual([30, 30, 30, 10]);
  });

  it("reads nothing outside of the range it is given", () => {
    const rows = createInstructionRows(64);
    const other = createInstructionRows(64);
    fc.assert(
      fc.property(code, modes, fc.nat(20), fc.nat(60), (bytes, bits, start, size) => {
        const end = Math.min(bytes.length, start + size);
        const changed = Uint8Array.from(bytes, (byte, i) => (i < start || i >= end ? byte ^ 0xff : byte));
        const count = decodeBatch(bytes, start, end, bits, rows);
        expect(decodeBatch(changed, start, end, bits, other)).toBe(count);
        expect(other.next).toBe(rows.next);
        for (const field of ["offset", ...FIELDS] as const) {
          expect([...other[field].subarray(0, count)]).toEqual([...rows[field].subarray(0, count)]);
        }
      }),
      { numRuns: 400 },
    );
  });

  it("has no rows for ranges without bytes", () => {
    const rows = createInstructionRows(4);
    const bytes = Uint8Array.of(0x90, 0x90);
    for (const [start, end] of [
      [2, 2],
      [1, 0],
      [5, 9],
      [-1, 2],
      [Number.NaN, 2],
    ] as const) {
      expect(decodeBatch(bytes, start, end, 64, rows)).toBe(0);
    }
  });

  it("says what capacity it wants", () => {
    expect(() => createInstructionRows(0)).toThrow(DecoderError);
    expect(() => createInstructionRows(1.5)).toThrow(/capacity 1.5 was asked for; it must be a whole number from 1/);
  });

  it("calls bytes that are no instruction (bad)", () => {
    const rows = createInstructionRows(4);
    expect(decodeBatch(Uint8Array.of(0x06, 0x90), 0, 2, 64, rows)).toBe(2);
    expect([...rows.form.subarray(0, 2)].map((form) => FORMS[form]?.mnemonic)).toEqual(["(bad)", "nop"]);
  });
});
