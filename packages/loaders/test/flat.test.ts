import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  EmptyImageError,
  EntryUnreachableError,
  ImageTooLargeError,
  InvalidAddressError,
  LoaderError,
  loadFlatBinary,
  realModeEntry,
} from "../src/index.ts";

const bytes = Uint8Array.of(0xb0, 0x0a, 0xf4);

describe("loadFlatBinary", () => {
  it("places the bytes at 0 and enters at the first one by default", () => {
    expect(loadFlatBinary(bytes)).toEqual({
      segments: [{ address: 0, bytes, memorySize: bytes.length }],
      entry: { mode: "real", address: 0, codeSelector: 0, codeBase: 0, instructionPointer: 0 },
    });
  });

  it("enters at the load address when no entry is given", () => {
    expect(loadFlatBinary(bytes, { loadAddress: 0x7c00 }).entry.instructionPointer).toBe(0x7c00);
  });

  it("enters where it is told to, apart from the load address", () => {
    const program = loadFlatBinary(bytes, { loadAddress: 0x7c00, entry: 0x7c02 });
    expect(program.segments[0]?.address).toBe(0x7c00);
    expect(program.entry.address).toBe(0x7c02);
  });

  it("refuses an empty file", () => {
    expect(() => loadFlatBinary(new Uint8Array(0))).toThrow(EmptyImageError);
  });

  it.each([-1, 0.5, Number.NaN, 2 ** 52, Number.POSITIVE_INFINITY])("refuses %d as load address", (loadAddress) => {
    expect(() => loadFlatBinary(bytes, { loadAddress })).toThrow(InvalidAddressError);
  });

  it("refuses a file that ends above the address space", () => {
    expect(() => loadFlatBinary(bytes, { loadAddress: 2 ** 52 - 2 })).toThrow(ImageTooLargeError);
  });

  it("names the address and the remedy in the message", () => {
    expect(() => realModeEntry(2 ** 32)).toThrow(EntryUnreachableError);
    expect(() => realModeEntry(2 ** 32)).toThrow(/0x100000000 is at or above 4 GiB.*below 0x100000000/);
    expect(() => realModeEntry(2 ** 32)).toThrow(LoaderError);
  });
});

describe("realModeEntry", () => {
  it("gives CS:IP whose sum is the address, with a selector that reproduces the base below 1 MiB", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), (address) => {
        const entry = realModeEntry(address);
        expect(entry.codeBase + entry.instructionPointer).toBe(address);
        expect(entry.instructionPointer).toBeLessThan(0x1_0000);
        if (address < 0x10_0000) expect(entry.codeSelector * 16).toBe(entry.codeBase);
      }),
    );
  });

  it("is the reset vector's form for the reset vector's address", () => {
    expect(realModeEntry(0xffff_fff0)).toMatchObject({
      codeSelector: 0xf000,
      codeBase: 0xffff_0000,
      instructionPointer: 0xfff0,
    });
  });
});
