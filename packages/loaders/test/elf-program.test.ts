import { describe, expect, it } from "vitest";
import { InvalidElfError, loadElf, NotBootableError } from "../src/index.ts";
import { buildElf } from "./elf-image.ts";
import { kernel } from "./multiboot-image.ts";

const code = { name: ".text", type: 1, address: 0x8000n, data: Uint8Array.of(0x90, 0xf4) };
const load = { type: 1, flags: 5, section: ".text" };

describe("loadElf", () => {
  it("loads segments at their physical addresses and enters in protected mode with zero registers", () => {
    expect(loadElf(buildElf({ bits: 32, type: 2, entry: 0x8001n, sections: [code], segments: [load] }))).toEqual({
      segments: [{ address: 0x8000, bytes: Uint8Array.of(0x90, 0xf4), memorySize: 2 }],
      entry: { mode: "protected", address: 0x8001, eax: 0, ebx: 0 },
    });
  });

  it("passes segments over that are not loaded or take no memory", () => {
    const sections = [code, { name: ".note", type: 7, address: 0x9000n, data: Uint8Array.of(1) }];
    const segments = [{ type: 4, flags: 4, section: ".note" }, load];
    expect(loadElf(buildElf({ bits: 64, type: 2, entry: 0x8000n, sections, segments })).segments).toHaveLength(1);
  });

  it.each([
    ["an object file", { type: 1, segments: [load], entry: 0x8000n }],
    ["a file without loadable segments", { type: 2, segments: [], entry: 0x8000n }],
    ["an entry from 4 GiB on", { type: 2, segments: [load], entry: 0x1_0000_0000n }],
  ])("refuses %s", (_what, { type, segments, entry }) => {
    const bytes = buildElf({ bits: 64, type, entry, sections: [code], segments });
    expect(() => loadElf(bytes)).toThrow(NotBootableError);
  });

  it("refuses a segment that ends above 4 GiB", () => {
    const high = { ...code, address: 0xffff_ffffn };
    const bytes = buildElf({ bits: 64, type: 2, entry: 0n, sections: [high], segments: [load] });
    expect(() => loadElf(bytes)).toThrow(/ends above 4 GiB/);
  });

  it("refuses a segment with more bytes in the file than in memory", () => {
    const bytes = kernel(32);
    new DataView(bytes.buffer).setUint32(52 + 20, 1, true); // p_memsz of .text
    expect(() => loadElf(bytes)).toThrow(InvalidElfError);
  });
});
