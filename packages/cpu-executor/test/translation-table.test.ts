import { HostMemory } from "@likex/host-memory";
import { describe, expect, it } from "vitest";
import { CONTEXT, CONTEXT_FRAMES, TLB } from "../src/context.ts";
import { TranslationTable } from "../src/translation-table.ts";

const LAYOUT = {
  address: CONTEXT.tlb,
  mask: CONTEXT.tlbMask,
  entryBytes: TLB.entryBytes,
  spare: TLB.spare,
  placesOf: (low: number) => [low >>> TLB.shift, (low + 4095) >>> TLB.shift] as const,
  fewest: 256,
  most: 4096,
} as const;

function setUp(bytes: number = 4 << 20) {
  const memory = HostMemory.create({ bytes });
  const context = memory.allocateFrames(CONTEXT_FRAMES);
  const table = new TranslationTable(memory, context, LAYOUT);
  const field = (offset: number): number => memory.i32[(context + offset) >> 2] as number;
  /** As emitted code and the slow path do: look, and write where nothing is. */
  const tagAt = (page: number): number =>
    memory.u32[(field(CONTEXT.tlb) + ((page * TLB.entryBytes) & field(CONTEXT.tlbMask))) >> 2] as number;
  const write = (page: number): void => {
    const entry = table.entryFor(page * TLB.entryBytes) >> 2;
    memory.u32[entry] = page * 4096;
    memory.u32[entry + 1] = 0;
  };
  const entries = (): number => field(CONTEXT.tlbMask) / TLB.entryBytes + 1;
  return { memory, table, tagAt, write, entries };
}

describe("a translation table", () => {
  it("forgets everything when it is flushed, after few entries and after many", () => {
    const { table, tagAt, write } = setUp();
    for (const count of [1, 64, 65, 200]) {
      for (let page = 1; page <= count; page++) write(page);
      for (let page = 1; page <= count; page++) expect(tagAt(page)).toBe(page * 4096);
      table.flush();
      for (let page = 1; page <= count; page++) expect(tagAt(page)).toBe(0x7f7f7f7f);
    }
  });

  it("grows while its entries displace each other, and stays as it is while they do not", () => {
    const { table, write, entries } = setUp();
    for (let page = 0; page < 256; page++) write(page);
    expect(entries()).toBe(256);
    table.flush();
    for (let page = 0; page < 1024; page++) write(page);
    expect(entries()).toBe(1024);
    for (let round = 0; round < 20; round++) for (let page = 0; page < 65536; page += 64) write(page);
    expect(entries()).toBe(4096);
  });

  it("keeps what each privilege has cached apart, and flushes it together", () => {
    const { table, tagAt, write } = setUp();
    write(5);
    table.select(1);
    expect(tagAt(5)).toBe(0x7f7f7f7f);
    write(6);
    table.select(0);
    expect([tagAt(5), tagAt(6)]).toEqual([5 * 4096, 0x7f7f7f7f]);
    table.flush();
    table.select(1);
    expect(tagAt(6)).toBe(0x7f7f7f7f);
  });

  it("goes on with what it has when the arena is full, and gives back all it took", () => {
    const { memory, table, tagAt, write, entries } = setUp(1 << 20);
    const before = memory.framesInUse;
    const taken: ReturnType<HostMemory["allocateFrame"]>[] = [];
    while (memory.framesInUse + 1 < memory.framesTotal) taken.push(memory.allocateFrame());
    for (let page = 0; page < 4096; page++) write(page);
    expect(entries()).toBe(256);
    table.select(1);
    expect(tagAt(4095)).toBe(0x7f7f7f7f);
    write(7);
    table.select(0);
    expect(tagAt(7)).toBe(0x7f7f7f7f);
    for (const frame of taken) memory.releaseFrame(frame);
    expect(memory.framesInUse).toBe(before);
    table.dispose();
    expect(memory.framesInUse).toBe(CONTEXT_FRAMES);
  });
});
