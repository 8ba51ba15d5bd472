import { describe, expect, it } from "vitest";
import {
  type AddressSpace,
  BadAddressError,
  HostMemory,
  HostMemoryError,
  type HostVirtualAddress,
  hpa,
  hva,
  InvalidMemoryArgumentError,
  OutOfHostMemoryError,
  PAGE_SIZE,
} from "../src/index.ts";

const setUp = (): { memory: HostMemory; space: AddressSpace } => {
  const memory = HostMemory.create({ bytes: 4 << 20 });
  return { memory, space: memory.createAddressSpace() };
};

const at = (address: HostVirtualAddress, offset: number): HostVirtualAddress => hva(address + offset);

describe("a lazy mapping", () => {
  it("reads as zero and takes no frame until it is written", () => {
    const { memory, space } = setUp();
    const { address, length } = space.map({ length: 10 * PAGE_SIZE - 1, backing: "lazy" });
    expect(length).toBe(10 * PAGE_SIZE);
    expect(address % PAGE_SIZE).toBe(0);
    const zero = memory.zeroFrame;
    const before = memory.framesInUse;
    expect(space.read(address, length).every((byte) => byte === 0)).toBe(true);
    expect(space.translatePage(at(address, 0x1234), "read")).toEqual({ hpa: zero, writable: false });
    expect(space.translate(at(address, 0x1234), "read")).toBe(zero + 0x234);
    expect(memory.framesInUse).toBe(before);
    space.write(at(address, 0x1234), Uint8Array.of(1));
    expect(memory.framesInUse).toBe(before + 1);
  });

  it("gives a written page a frame that may be written", () => {
    const { memory, space } = setUp();
    const { address } = space.map({ length: PAGE_SIZE, backing: "lazy" });
    const written = space.translatePage(address, "write");
    expect(written?.writable).toBe(true);
    expect(space.translatePage(address, "read")).toEqual(written);
    expect(memory.references(written?.hpa ?? hpa(0))).toBe(1);
  });

  it("keeps what was written across page borders", () => {
    const { space } = setUp();
    const { address } = space.map({ length: 3 * PAGE_SIZE, backing: "lazy" });
    const bytes = Uint8Array.from({ length: PAGE_SIZE + 20 }, (_, i) => i * 7);
    space.write(at(address, PAGE_SIZE - 10), bytes);
    expect(space.read(at(address, PAGE_SIZE - 10), bytes.length)).toEqual(bytes);
    expect(space.read(at(address, PAGE_SIZE - 12), 3)).toEqual(Uint8Array.of(0, 0, 0));
  });

  it("may be far larger than the arena", () => {
    const { space } = setUp();
    const { address, length } = space.map({ length: 2 ** 40, backing: "lazy" });
    space.write(at(address, length - 1), Uint8Array.of(9));
    expect(space.read(at(address, length - 2), 2)).toEqual(Uint8Array.of(0, 9));
  });

  it("reports a full arena and keeps its contents", () => {
    const { memory, space } = setUp();
    const { address } = space.map({ length: 8 << 20, backing: "lazy" });
    space.write(address, Uint8Array.of(5));
    expect(() => space.write(at(address, PAGE_SIZE), new Uint8Array(5 << 20))).toThrow(OutOfHostMemoryError);
    const child = space.fork();
    expect(() => child.write(address, Uint8Array.of(6))).toThrow(OutOfHostMemoryError);
    expect(child.read(address, 1)).toEqual(Uint8Array.of(5));
    child.dispose();
    space.dispose();
    expect(memory.framesInUse).toBe(0);
  });
});

describe("a contiguous mapping", () => {
  it("shows its bytes live in both directions", () => {
    const { memory, space } = setUp();
    const { address, bytes, hpa: first } = space.map({ length: 3 * PAGE_SIZE, backing: "contiguous" });
    space.write(at(address, PAGE_SIZE - 1), Uint8Array.of(1, 2));
    expect(bytes?.slice(PAGE_SIZE - 1, PAGE_SIZE + 1)).toEqual(Uint8Array.of(1, 2));
    bytes?.set([3], 2 * PAGE_SIZE);
    expect(space.read(at(address, 2 * PAGE_SIZE), 1)).toEqual(Uint8Array.of(3));
    expect(space.translate(at(address, 2 * PAGE_SIZE + 4), "read")).toBe((first ?? 0) + 2 * PAGE_SIZE + 4);
    expect(memory.framesInUse).toBe(3);
  });

  it("comes back in the same frames when mapped and unmapped over and over", () => {
    const { memory, space } = setUp();
    const frames = new Set<number | undefined>();
    for (let i = 0; i < 2000; i++) {
      const mapping = space.map({ length: 3 * PAGE_SIZE, backing: "contiguous" });
      frames.add(mapping.hpa);
      space.unmap(mapping.address, mapping.length);
    }
    expect(frames.size).toBe(1);
    expect(memory.framesInUse).toBe(0);
  });
});

describe("placing mappings", () => {
  it("takes the address that is asked for, also next to another", () => {
    const { space } = setUp();
    space.map({ length: PAGE_SIZE, at: hva(0x10000), backing: "lazy" });
    expect(space.map({ length: PAGE_SIZE, at: hva(0x11000), backing: "lazy" }).address).toBe(0x11000);
    expect(space.isMapped(hva(0x10000), 2 * PAGE_SIZE)).toBe(true);
    expect(space.isMapped(hva(0x10000), 2 * PAGE_SIZE + 1)).toBe(false);
    space.write(hva(0x10fff), Uint8Array.of(1, 2));
    expect(space.read(hva(0x10fff), 2)).toEqual(Uint8Array.of(1, 2));
  });

  it.each([
    ["no length", { length: 0 }],
    ["a length that is no number", { length: Number.NaN }],
    ["more than a mapping can be", { length: 2 ** 41 }],
    ["an unaligned address", { length: 1, at: hva(0x10001) }],
    ["a negative address", { length: 1, at: hva(-4096) }],
    ["an address beyond the user half", { length: 2 * PAGE_SIZE, at: hva(2 ** 47 - PAGE_SIZE) }],
    ["an overlap", { length: PAGE_SIZE, at: hva(0x21000) }],
  ])("refuses %s", (_name, options) => {
    const { space } = setUp();
    space.map({ length: 3 * PAGE_SIZE, at: hva(0x20000), backing: "lazy" });
    expect(() => space.map({ ...options, backing: "lazy" })).toThrow(InvalidMemoryArgumentError);
    expect(() => space.map({ ...options, backing: "lazy" })).toThrow(HostMemoryError);
  });
});

describe("what is not mapped", () => {
  it("has no translation, and refuses reads and writes whole", () => {
    const { space } = setUp();
    const { address } = space.map({ length: PAGE_SIZE, backing: "lazy" });
    const last = at(address, PAGE_SIZE - 1);
    expect(space.translate(at(address, PAGE_SIZE), "write")).toBeUndefined();
    expect(space.translatePage(at(address, PAGE_SIZE), "read")).toBeUndefined();
    expect(() => space.read(last, 2)).toThrow(BadAddressError);
    expect(() => space.write(last, Uint8Array.of(1, 2))).toThrow(
      `nothing is mapped at user address 0x${(address + PAGE_SIZE).toString(16)}`,
    );
    expect(space.read(last, 1)).toEqual(Uint8Array.of(0));
  });

  it("is what lies in the unmapped part of a mapping, and its frames are free", () => {
    const { memory, space } = setUp();
    const { address, length } = space.map({ length: 4 * PAGE_SIZE, backing: "contiguous" });
    space.write(address, new Uint8Array(length).fill(7));
    space.unmap(at(address, PAGE_SIZE), 2 * PAGE_SIZE);
    expect(memory.framesInUse).toBe(2);
    expect(space.isMapped(at(address, PAGE_SIZE), 1)).toBe(false);
    expect(space.read(at(address, 3 * PAGE_SIZE), 1)).toEqual(Uint8Array.of(7));
    expect(space.read(at(address, PAGE_SIZE - 1), 1)).toEqual(Uint8Array.of(7));
  });
});

describe("a fork", () => {
  it("shares frames until one side writes", () => {
    const { memory, space } = setUp();
    const { address } = space.map({ length: 600 * PAGE_SIZE, backing: "lazy" });
    space.write(address, new Uint8Array(8 * PAGE_SIZE).fill(1));
    const used = memory.framesInUse;
    const child = space.fork();
    expect(memory.framesInUse).toBe(used);
    expect(space.translatePage(address, "read")).toEqual(child.translatePage(address, "read"));
    expect(space.translatePage(address, "read")?.writable).toBe(false);
    child.write(address, Uint8Array.of(2));
    expect(memory.framesInUse).toBe(used + 1);
    expect(space.read(address, 2)).toEqual(Uint8Array.of(1, 1));
    expect(child.read(address, 2)).toEqual(Uint8Array.of(2, 1));
    expect(space.translatePage(address, "read")?.writable).toBe(true);
    expect(space.translatePage(at(address, PAGE_SIZE), "read")?.writable).toBe(false);
  });

  it("lets the last side that is left write in place", () => {
    const { memory, space } = setUp();
    const { address } = space.map({ length: PAGE_SIZE, backing: "lazy" });
    space.write(address, Uint8Array.of(1));
    const before = space.translate(address, "read");
    space.fork().dispose();
    expect(space.translatePage(address, "read")).toEqual({ hpa: before, writable: true });
    space.dispose();
    expect(memory.framesInUse).toBe(0);
  });

  it("has no notifiers and maps elsewhere than its parent's mappings", () => {
    const { space } = setUp();
    const { address } = space.map({ length: PAGE_SIZE, backing: "lazy" });
    let calls = 0;
    space.addNotifier({ invalidate: () => calls++ });
    const child = space.fork();
    expect(calls).toBe(1);
    child.write(address, Uint8Array.of(1));
    expect(calls).toBe(1);
    expect(child.map({ length: PAGE_SIZE, backing: "lazy" }).address).not.toBe(address);
  });
});

describe("a notifier", () => {
  it("hears of every page whose frame changes, before it does, and only of those", () => {
    const { space } = setUp();
    const { address, length } = space.map({ length: 4 * PAGE_SIZE, backing: "lazy" });
    const ranges: [number, number][] = [];
    const pages: (number | undefined)[] = [];
    const remove = space.addNotifier({
      invalidate: (start, end) => {
        ranges.push([(start - address) / PAGE_SIZE, (end - address) / PAGE_SIZE]);
        pages.push(space.translate(start, "read"));
      },
    });
    const zero = space.translate(address, "read");
    space.write(at(address, PAGE_SIZE), Uint8Array.of(1));
    space.write(at(address, PAGE_SIZE), Uint8Array.of(2));
    const owned = space.translate(at(address, PAGE_SIZE), "read");
    const child = space.fork();
    space.write(at(address, PAGE_SIZE), Uint8Array.of(3));
    space.unmap(at(address, 2 * PAGE_SIZE), PAGE_SIZE);
    expect(ranges).toEqual([
      [1, 2],
      [0, 4],
      [1, 2],
      [2, 3],
    ]);
    expect(pages).toEqual([zero, zero, owned, zero]);
    remove();
    space.unmap(address, length);
    child.dispose();
    expect(ranges).toHaveLength(4);
  });

  it("hears of everything when the space is disposed", () => {
    const { memory, space } = setUp();
    const { address } = space.map({ length: 2 * PAGE_SIZE, backing: "contiguous" });
    const ranges: [number, number][] = [];
    space.addNotifier({ invalidate: (start, end) => ranges.push([start, end]) });
    space.dispose();
    expect(ranges).toEqual([[address, address + 2 * PAGE_SIZE]]);
    expect(space.isMapped(address, 1)).toBe(false);
    expect(memory.framesInUse).toBe(0);
  });
});
