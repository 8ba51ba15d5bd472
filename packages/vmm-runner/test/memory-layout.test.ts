import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  EntryOutsideMemoryError,
  ImageOutsideMemoryError,
  InvalidMemorySlotError,
  OverlappingMemorySlotsError,
} from "../src/errors.ts";
import { MemoryLayout } from "../src/memory-layout.ts";

const low = { slot: 0, guestAddress: 0, size: 0x1000 };
const middle = { slot: 1, guestAddress: 0x1000, size: 0x2000 };
const high = { slot: 2, guestAddress: 0x8000, size: 0x1000 };

describe("MemoryLayout", () => {
  it("finds a run in one slot", () => {
    expect(new MemoryLayout([high, low]).find(0x8010, 0x20)).toEqual([
      { index: 0, slotOffset: 0x10, runOffset: 0, length: 0x20 },
    ]);
  });

  it("splits a run at the border of adjacent slots, whatever their order", () => {
    expect(new MemoryLayout([middle, low]).find(0xffe, 4)).toEqual([
      { index: 1, slotOffset: 0xffe, runOffset: 0, length: 2 },
      { index: 0, slotOffset: 0, runOffset: 2, length: 2 },
    ]);
  });

  it("finds nothing for a run that reaches into a hole", () => {
    const layout = new MemoryLayout([low, middle, high]);
    expect(layout.find(0x2fff, 2)).toBeUndefined();
    expect(layout.find(0x7fff, 2)).toBeUndefined();
    expect(layout.find(0x9000, 1)).toBeUndefined();
  });

  it.each([
    [
      "an unaligned address",
      { slot: 3, guestAddress: 0x800, size: 0x1000 },
      /Memory slot 3: .*0x800 is not page-aligned/,
    ],
    ["an unaligned size", { slot: 3, guestAddress: 0, size: 0x1001 }, /size 4097 is not a whole number of pages/],
    ["no size", { slot: 3, guestAddress: 0, size: 0 }, /size 0 is not/],
    ["a negative address", { slot: 3, guestAddress: -4096, size: 0x1000 }, /-4096/],
    ["an identifier beyond KVM's", { slot: 32764, guestAddress: 0, size: 0x1000 }, /from 0 to 32763/],
    ["an end above the address space", { slot: 3, guestAddress: 2 ** 52 - 4096, size: 0x2000 }, /above/],
  ])("refuses %s", (_, slot, message) => {
    expect(() => new MemoryLayout([slot])).toThrow(InvalidMemorySlotError);
    expect(() => new MemoryLayout([slot])).toThrow(message);
  });

  it("refuses to be empty", () => {
    expect(() => new MemoryLayout([])).toThrow(InvalidMemorySlotError);
  });

  it("refuses slots that overlap and names both", () => {
    const overlapping = [middle, low, { slot: 7, guestAddress: 0x2000, size: 0x1000 }];
    expect(() => new MemoryLayout(overlapping)).toThrow(OverlappingMemorySlotsError);
    expect(() => new MemoryLayout(overlapping)).toThrow(
      /slot 1 \(0x1000 to 0x2fff\) and slot 7 \(0x2000 to 0x2fff\) overlap/,
    );
  });

  it("refuses an identifier that is given twice", () => {
    expect(() => new MemoryLayout([low, { ...high, slot: 0 }])).toThrow(OverlappingMemorySlotsError);
  });

  it("refuses a program outside of memory and an entry outside of memory, each with its own error", () => {
    const layout = new MemoryLayout([low]);
    expect(() => layout.findImage(0xfff, 2)).toThrow(ImageOutsideMemoryError);
    expect(() => layout.checkEntry(0x1000)).toThrow(EntryOutsideMemoryError);
    expect(() => layout.checkEntry(-1)).toThrow(EntryOutsideMemoryError);
    expect(() => layout.checkEntry(0xfff)).not.toThrow();
  });

  it("covers every byte of a run exactly once, in the right slot", () => {
    const layout = new MemoryLayout([high, middle, low]);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0x9fff }), fc.integer({ min: 1, max: 0x4000 }), (address, length) => {
        const ranges = layout.find(address, length);
        const inMemory = (byte: number): boolean =>
          layout.slots.some((slot) => byte >= slot.guestAddress && byte < slot.guestAddress + slot.size);
        const isCovered =
          inMemory(address) && inMemory(address + length - 1) && (address >= 0x3000 || address + length <= 0x3000);
        expect(ranges !== undefined).toBe(isCovered);
        let next = 0;
        for (const range of ranges ?? []) {
          expect(range.runOffset).toBe(next);
          expect((layout.slots[range.index]?.guestAddress ?? -1) + range.slotOffset).toBe(address + next);
          next += range.length;
        }
        if (ranges !== undefined) expect(next).toBe(length);
      }),
    );
  });
});
