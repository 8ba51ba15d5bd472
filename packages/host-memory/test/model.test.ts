import fc from "fast-check";
import { expect, it } from "vitest";
import { type AddressSpace, BadAddressError, HostMemory, hva, PAGE_SIZE } from "../src/index.ts";

/** A window of two leaves' pages around their border, so that operations meet. */
const BASE = 0x7000_0000;
const PAGES = 12;
const FIRST = 506;
const address = (page: number, offset = 0) => hva(BASE + (FIRST + page) * PAGE_SIZE + offset);

/** What an address space should hold: the bytes of each mapped page that differ from zero. */
type Model = Map<number, Map<number, number>>;

interface Pair {
  space: AddressSpace;
  model: Model;
}

const copy = (model: Model): Model => new Map([...model].map(([page, bytes]) => [page, new Map(bytes)]));

const page = fc.integer({ min: 0, max: PAGES - 1 });
const count = fc.integer({ min: 1, max: 4 });
const which = fc.nat(7);

const operation = fc.oneof(
  fc.record({ kind: fc.constant("map" as const), which, page, count, lazy: fc.boolean() }),
  fc.record({ kind: fc.constant("unmap" as const), which, page, count }),
  fc.record({
    kind: fc.constant("write" as const),
    which,
    page,
    offset: fc.constantFrom(0, 100, PAGE_SIZE - 2),
    value: fc.integer({ min: 1, max: 255 }),
    length: fc.constantFrom(1, 4, PAGE_SIZE + 4),
  }),
  fc.record({ kind: fc.constant("fork" as const), which }),
  fc.record({ kind: fc.constant("dispose" as const), which }),
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

const pagesOf = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

function apply(pairs: Pair[], step: Operation): void {
  const index = step.which % pairs.length;
  const { space, model } = pairs[index] as Pair;
  switch (step.kind) {
    case "map": {
      const pages = pagesOf(step.page, step.page + step.count);
      const map = () =>
        space.map({
          length: step.count * PAGE_SIZE,
          at: address(step.page),
          backing: step.lazy ? "lazy" : "contiguous",
        });
      if (pages.some((at) => model.has(at))) expect(map).toThrow("overlaps");
      else {
        map();
        for (const at of pages) model.set(at, new Map());
      }
      return;
    }
    case "unmap":
      space.unmap(address(step.page), step.count * PAGE_SIZE);
      for (const at of pagesOf(step.page, step.page + step.count)) model.delete(at);
      return;
    case "write": {
      const bytes = new Uint8Array(step.length).fill(step.value);
      const last = step.page + Math.floor((step.offset + step.length - 1) / PAGE_SIZE);
      const write = () => space.write(address(step.page, step.offset), bytes);
      if (pagesOf(step.page, last + 1).some((at) => !model.has(at))) {
        expect(write).toThrow(BadAddressError);
        return;
      }
      write();
      for (let i = 0; i < step.length; i++) {
        const at = step.offset + i;
        model.get(step.page + Math.floor(at / PAGE_SIZE))?.set(at % PAGE_SIZE, step.value);
      }
      return;
    }
    case "fork":
      if (pairs.length < 6) pairs.push({ space: space.fork(), model: copy(model) });
      return;
    case "dispose":
      if (pairs.length === 1) return;
      space.dispose();
      pairs.splice(index, 1);
  }
}

function compare({ space, model }: Pair): void {
  for (const at of pagesOf(0, PAGES + 4)) {
    const expected = model.get(at);
    expect(space.isMapped(address(at), PAGE_SIZE)).toBe(expected !== undefined);
    if (expected === undefined) continue;
    const bytes = new Uint8Array(PAGE_SIZE);
    for (const [offset, value] of expected) bytes[offset] = value;
    expect(Buffer.compare(space.read(address(at), PAGE_SIZE), bytes)).toBe(0);
  }
}

it("address spaces behave as a plain map of pages through mapping, unmapping, writing and forking", () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 40 }), (steps) => {
      const memory = HostMemory.create({ bytes: 1 << 20 });
      const pairs: Pair[] = [{ space: memory.createAddressSpace(), model: new Map() }];
      // One mapping for all that is below keeps page numbers at the border between two leaves.
      pairs[0]?.space.map({ length: (FIRST + PAGES + 4) * PAGE_SIZE, at: hva(BASE), backing: "lazy" });
      for (const at of pagesOf(0, PAGES + 4)) pairs[0]?.model.set(at, new Map());
      for (const step of steps) apply(pairs, step);
      for (const pair of pairs) compare(pair);
      for (const pair of pairs) pair.space.dispose();
      const { zeroFrame } = memory;
      memory.releaseFrame(zeroFrame);
      expect(memory.framesInUse).toBe(0);
    }),
    { numRuns: 300 },
  );
});
