import { HostMemory } from "@likex/host-memory";
import fc from "fast-check";
import { expect, it } from "vitest";
import { ACCESS, GuestMmu, PDPTE_LOAD, TRANSLATION } from "../src/index.ts";

const BYTES = 1 << 20;
const FRAMES = BYTES / 4096;
/** Accessed and dirty flags, of guest entries and of the EPT's. */
const FLAGS = 0x360;

/** xorshift32: the same memory for the same seed. */
const fill = (words: Uint32Array, seed: number): void => {
  let state = seed | 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  for (let i = 0; i < words.length; i += 2) {
    const wild = next() % 8;
    // Mostly entries that lead somewhere in the arena, so that walks get deep; some are anything.
    words[i] = wild === 0 ? next() : ((next() % FRAMES) << 12) | (next() & 0xf7f) | 7;
    words[i + 1] = wild === 1 ? next() : 0;
  }
};

const half = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const registers = fc.record({
  eptPointer: fc.oneof(
    fc.constant(0),
    fc.integer({ min: 1, max: FRAMES - 1 }).map((frame) => frame * 4096 + 0x1e),
    fc.integer({ min: 1, max: FRAMES - 1 }).map((frame) => frame * 4096 + 0x5e),
    fc.maxSafeNat(),
  ),
  cr0: half,
  cr3Low: fc.oneof(
    half,
    fc.integer({ min: 0, max: FRAMES - 1 }).map((frame) => frame << 12),
  ),
  cr3High: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: half }),
  cr4: half,
  efer: half,
});
const accesses = fc.array(fc.tuple(half, fc.oneof(fc.constant(0), half), fc.nat(63), half), {
  minLength: 1,
  maxLength: 20,
});

it("whatever memory and registers hold, a walk ends in the arena or with a reason, and changes nothing but flags", () => {
  const memory = HostMemory.create({ bytes: BYTES });
  const words = new Uint32Array(memory.memory.buffer);
  const before = new Uint32Array(words.length);
  const met = new Set<number>();
  fc.assert(
    fc.property(fc.nat(), registers, fc.constantFrom(36, 46, 52), accesses, (seed, configuration, width, list) => {
      fill(words, seed);
      before.set(words);
      const mmu = new GuestMmu(memory, { physicalAddressWidth: width });
      mmu.configure(configuration);
      expect(Object.values(PDPTE_LOAD)).toContain(mmu.loadPdptes(configuration.cr3Low));
      for (const [low, high, access, pkru] of list) {
        mmu.pkru = pkru;
        const result = mmu.translate(low, high, access);
        met.add(result);
        expect(Object.values(TRANSLATION)).toContain(result);
        if (result === TRANSLATION.ok) {
          expect(mmu.hostPage % 4096).toBe(0);
          expect(mmu.hostPage).toBeGreaterThanOrEqual(0);
          expect(mmu.hostPage).toBeLessThanOrEqual(BYTES - 4096);
          const kinds = access & (ACCESS.read | ACCESS.write | ACCESS.execute);
          expect(mmu.permissions & kinds).toBe(kinds);
        }
        if (result === TRANSLATION.stop) expect([48, 49]).toContain(mmu.stopReason);
      }
      for (let i = 0; i < words.length; i++) {
        const [old, now] = [before[i] as number, words[i] as number];
        if (old !== now) expect({ cleared: old & ~now, set: now & ~old & ~FLAGS }).toEqual({ cleared: 0, set: 0 });
      }
    }),
    { numRuns: 300 },
  );
  expect([...met].sort()).toEqual(Object.values(TRANSLATION));
}, 60_000);
