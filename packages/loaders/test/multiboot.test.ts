import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type GuestProgram,
  hasMultibootHeader,
  InvalidMultibootError,
  LoaderError,
  loadMultiboot,
  NoRoomError,
  NotBootableError,
  UnsupportedMultibootError,
} from "../src/index.ts";
import { headerBytes, kernel } from "./multiboot-image.ts";

const MIB = 1 << 20;
const memory = [{ address: 0, length: 16 * MIB }];

/** The program in memory, as the guest finds it. */
function inMemory({ segments }: GuestProgram): { u32: (address: number) => number; text: (address: number) => string } {
  const bytes = new Uint8Array(16 * MIB);
  for (const segment of segments) bytes.set(segment.bytes, segment.address);
  const view = new DataView(bytes.buffer);
  return {
    u32: (address) => view.getUint32(address, true),
    text: (address) => new TextDecoder().decode(bytes.subarray(address, bytes.indexOf(0, address))),
  };
}

const ebxOf = (program: ReturnType<typeof loadMultiboot>): number => program.entry.ebx;

/** The entries of the memory map, by the rule that each one's size leads to the next. */
function memoryMap(guest: ReturnType<typeof inMemory>, info: number): (readonly number[])[] {
  const start = guest.u32(info + 48);
  const end = start + guest.u32(info + 44);
  const entries: (readonly number[])[] = [];
  for (let at = start; at < end; at += guest.u32(at) + 4) {
    const wide = (offset: number): number => guest.u32(at + offset) + guest.u32(at + offset + 4) * 2 ** 32;
    entries.push([wide(4), wide(12), guest.u32(at + 20)]);
  }
  return entries;
}

describe("loadMultiboot", () => {
  it.each([32, 64] as const)("loads an ELF file with %i-bit addresses and enters it in protected mode", (bits) => {
    const { segments, entry } = loadMultiboot(kernel(bits), { memory });
    expect(segments.map(({ address, memorySize }) => [address, memorySize])).toEqual([
      [0x10_0000, 13],
      [0x20_0000, 0x2000],
      [0x20_2000, expect.any(Number)],
    ]);
    expect(segments[0]?.bytes.at(-1)).toBe(0xf4);
    expect(segments[1]?.bytes).toHaveLength(0);
    expect(entry).toEqual({ mode: "protected", address: 0x10_000c, eax: 0x2bad_b002, ebx: 0x20_2000 });
  });

  it("moves the entry with its segment when physical and virtual addresses differ", () => {
    const image = kernel(32);
    const view = new DataView(image.buffer);
    view.setUint32(52 + 8, 0xc010_0000, true); // p_vaddr of .text
    view.setUint32(24, 0xc010_000c, true); // e_entry
    const { segments, entry } = loadMultiboot(image, { memory });
    expect(segments[0]?.address).toBe(0x10_0000);
    expect(entry.address).toBe(0x10_000c);
  });

  it("tells memory: KiB below 640 KiB and from 1 MiB on, and a map without the hole between them", () => {
    const program = loadMultiboot(kernel(32), {
      memory: [
        { address: 4 * MIB, length: 12 * MIB },
        { address: 0, length: 4 * MIB },
        { address: 2 ** 32, length: 3 * MIB },
      ],
    });
    const guest = inMemory(program);
    const info = ebxOf(program);
    expect(guest.u32(info) & 0x41).toBe(0x41);
    expect(guest.u32(info + 4)).toBe(640);
    expect(guest.u32(info + 8)).toBe(15 * 1024);
    expect(memoryMap(guest, info)).toEqual([
      [0, 0xa_0000, 1],
      [MIB, 15 * MIB, 1],
      [2 ** 32, 3 * MIB, 1],
    ]);
  });

  it("gives the command line, empty without one, and the loader's name", () => {
    for (const commandLine of ["console=ttyS0 n=3", undefined]) {
      const program = loadMultiboot(kernel(32), { memory, ...(commandLine === undefined ? {} : { commandLine }) });
      const guest = inMemory(program);
      const info = ebxOf(program);
      expect(guest.u32(info) & 0x204).toBe(0x204);
      expect(guest.text(guest.u32(info + 16))).toBe(commandLine ?? "");
      expect(guest.text(guest.u32(info + 64))).toBe("LiKeX");
    }
  });

  it("places modules page-aligned behind the program and lists them", () => {
    const modules = [{ bytes: new Uint8Array(5000).fill(1), commandLine: "initrd" }, { bytes: Uint8Array.of(2) }];
    const program = loadMultiboot(kernel(32), { memory, modules });
    const guest = inMemory(program);
    const info = ebxOf(program);
    expect(guest.u32(info) & 8).toBe(8);
    expect(guest.u32(info + 20)).toBe(2);
    const table = guest.u32(info + 24);
    const first = [guest.u32(table), guest.u32(table + 4), guest.text(guest.u32(table + 8))];
    const second = [guest.u32(table + 16), guest.u32(table + 20), guest.text(guest.u32(table + 24))];
    expect(first).toEqual([0x20_2000, 0x20_2000 + 5000, "initrd"]);
    expect(second).toEqual([0x20_4000, 0x20_4001, ""]);
    expect(guest.u32(0x20_2000)).toBe(0x0101_0101);
    expect(guest.u32(0x20_4000)).toBe(2);
    expect(info).toBe(0x20_5000);
  });

  it("lists no modules when there are none", () => {
    const program = loadMultiboot(kernel(32), { memory });
    expect(inMemory(program).u32(ebxOf(program) + 20)).toBe(0);
  });

  it("refuses when modules or boot information do not fit behind the program", () => {
    expect(() => loadMultiboot(kernel(32), { memory: [{ address: 0, length: 0x20_2000 }] })).toThrow(NoRoomError);
    const modules = [{ bytes: new Uint8Array(MIB) }];
    expect(() => loadMultiboot(kernel(32), { memory: [{ address: 0, length: 3 * MIB }], modules })).toThrow(
      /no room in memory for a module/,
    );
  });
});

describe("the multiboot header", () => {
  const padded = (at: number, header = headerBytes(0)): Uint8Array => {
    const image = new Uint8Array(at + header.length + 16);
    image.set(header, at);
    return image;
  };

  it("is found at any multiple of 4 in the first 8192 bytes and nowhere else", () => {
    expect(hasMultibootHeader(padded(0))).toBe(true);
    expect(hasMultibootHeader(padded(8180))).toBe(true);
    expect(hasMultibootHeader(padded(8184))).toBe(false);
    expect(hasMultibootHeader(padded(2))).toBe(false);
  });

  it("has a checksum; a magic number without one is passed over", () => {
    const image = padded(32);
    image.set([0x02, 0xb0, 0xad, 0x1b, 0, 0, 0, 0, 1], 0);
    expect(hasMultibootHeader(image)).toBe(true);
    image[32 + 8]! ^= 1;
    expect(hasMultibootHeader(image)).toBe(false);
    expect(() => loadMultiboot(image, { memory })).toThrow(InvalidMultibootError);
  });

  it.each([
    [0x4, /a video mode/],
    [0x8, /unknown features/],
    [0x8003, /unknown features/],
  ])("with flags %i is refused, as those bits are requirements", (flags, message) => {
    const load = (): unknown => loadMultiboot(kernel(32, headerBytes(flags)), { memory });
    expect(load).toThrow(UnsupportedMultibootError);
    expect(load).toThrow(message);
  });

  it("may have unknown flags from bit 17 on, which are wishes", () => {
    expect(loadMultiboot(kernel(32, headerBytes(0xfffe_0003)), { memory }).entry.address).toBe(0x10_000c);
  });
});

describe("a multiboot header with addresses", () => {
  const LOAD = 0x20_0000;
  /** A file of 0x3000 bytes, byte i being i & 0xff, with the header at 0x1010. */
  const image = (headerAddress: number, loadEnd: number, bssEnd: number, loadAddress = LOAD): Uint8Array => {
    const bytes = Uint8Array.from({ length: 0x3000 }, (_, i) => i & 0xff);
    bytes.set(headerBytes(0x1_0000, headerAddress, loadAddress, loadEnd, bssEnd, LOAD + 0x123), 0x1010);
    return bytes;
  };

  it("loads the stated part of the file and zeroes what follows to the end of bss", () => {
    const { segments, entry } = loadMultiboot(image(LOAD + 0x10, LOAD + 0x800, LOAD + 0x5000), { memory });
    expect(segments[0]).toMatchObject({ address: LOAD, memorySize: 0x5000 });
    expect(segments[0]?.bytes).toHaveLength(0x800);
    expect([...(segments[0]?.bytes.subarray(0x40, 0x43) ?? [])]).toEqual([0x40, 0x41, 0x42]);
    expect(entry).toMatchObject({ address: LOAD + 0x123, eax: 0x2bad_b002, ebx: LOAD + 0x5000 });
  });

  it("loads the rest of the file and nothing behind it when both ends are 0", () => {
    const { segments } = loadMultiboot(image(LOAD + 0x1010, 0, 0), { memory });
    expect(segments[0]).toMatchObject({ address: LOAD, memorySize: 0x3000 });
    expect(segments[0]?.bytes).toHaveLength(0x3000);
  });

  it.each([
    ["the header before what is loaded", image(LOAD - 4, 0, 0)],
    ["a start before the file", image(LOAD + 0x1014, 0, 0)],
    ["more than the file has", image(LOAD + 0x1010, LOAD + 0x3001, 0)],
    ["an end before the start", image(LOAD + 0x1010, LOAD - 1, 0)],
    ["a bss that ends before what is loaded", image(LOAD + 0x1010, 0, LOAD + 0x2fff)],
    ["memory above 4 GiB", image(0xffff_f010, 0, 0, 0xffff_f000)],
    ["only half of the fields", kernel(32, headerBytes(0x1_0000, 1)).subarray(0, 120)],
  ])("is refused with %s", (_what, bytes) => {
    expect(() => loadMultiboot(bytes, { memory })).toThrow(InvalidMultibootError);
  });
});

it("any bytes behind a valid header end in a program or a LoaderError", () => {
  const base = kernel(32, headerBytes(0x1_0000, 0x10_0000, 0x10_0000, 0, 0, 0x10_0000));
  const elf = kernel(64);
  fc.assert(
    fc.property(
      fc.constantFrom(base, elf),
      fc.array(fc.tuple(fc.nat(140), fc.nat(255)), { maxLength: 6 }),
      fc.nat(300),
      (image, changes, cut) => {
        const bytes = image.slice(0, image.length - Math.min(cut, image.length));
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        try {
          const { segments } = loadMultiboot(bytes, { memory });
          for (const { address, bytes: content, memorySize } of segments) {
            expect(content.length).toBeLessThanOrEqual(memorySize);
            expect(address + memorySize).toBeLessThanOrEqual(2 ** 32);
          }
        } catch (error) {
          if (!(error instanceof LoaderError)) throw error;
        }
      },
    ),
    { numRuns: 500 },
  );
});

it("an ELF file with a header that is an object file is refused", () => {
  const image = kernel(32);
  image[16] = 1;
  expect(() => loadMultiboot(image, { memory })).toThrow(NotBootableError);
});
