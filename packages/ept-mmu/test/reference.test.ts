import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RandomMachine } from "./support/random-machine.ts";
import {
  type EptSeed,
  entrySeeds,
  eptSeed,
  linearAddress,
  POOL_FRAMES,
  registerBits,
} from "./support/random-tables.ts";
import type { Accessor, Kind, ReferenceState } from "./support/reference-rights.ts";
import { type Outcome, referenceTranslate } from "./support/reference-walk.ts";

const PG = 1n << 31n;
const PAE = 1n << 5n;
const LMA = 1n << 10n;

const MODES = {
  "no paging": { cr0: 0n, cr4: 0n, efer: 0n },
  "32-bit paging": { cr0: PG, cr4: 0n, efer: 0n },
  "PAE paging": { cr0: PG, cr4: PAE, efer: 0n },
  "4-level paging": { cr0: PG, cr4: PAE, efer: LMA },
} as const;

const NO_EPT: EptSeed = { shape: "none", tracksAccess: false, changes: [] };
/** PSE, PGE, PCIDE, SMEP, SMAP, PKE. */
const CR4_BITS = [4, 7, 17, 20, 21, 22];

const access = fc.record({
  kind: fc.constantFrom<Kind>("read", "write", "fetch"),
  accessor: fc.constantFrom<Accessor>(
    "user",
    "user",
    "supervisor",
    "supervisor with AC",
    "implicit",
    "implicit with AC",
    "implicit at CPL 3",
  ),
  offset: fc.bigInt({ min: 0n, max: 4095n }),
});

const frame = fc.integer({ min: 1, max: POOL_FRAMES }).map((value) => BigInt(value) << 12n);

const pdpte = fc.record({
  frame,
  present: fc.oneof({ weight: 9, arbitrary: fc.constant(1n) }, { weight: 1, arbitrary: fc.constant(0n) }),
});

const scenario = (mode: keyof typeof MODES, ept: fc.Arbitrary<EptSeed>) =>
  fc.record({
    state: fc
      .record({
        wp: registerBits([16]),
        root: frame,
        cr4: registerBits(CR4_BITS),
        nxe: fc.constantFrom(0x800n, 0x800n, 0x800n, 0n),
        pkru: fc.bigInt({ min: 0n, max: 0xffff_ffffn }),
        maxPhyAddr: fc.constantFrom(36, 40, 46, 52),
        pdptes: fc.array(pdpte, { minLength: 4, maxLength: 4 }),
      })
      .map(
        ({ wp, root, cr4, nxe, pkru, maxPhyAddr, pdptes }): Omit<ReferenceState, "eptPointer"> => ({
          cr0: MODES[mode].cr0 | wp,
          cr3: root,
          cr4: MODES[mode].cr4 | cr4,
          efer: MODES[mode].efer | nxe,
          pkru,
          maxPhyAddr,
          pdptes: pdptes.map((each) => each.frame | each.present),
        }),
      ),
    entries: entrySeeds,
    ept,
    linear: linearAddress,
    accesses: fc.array(access, { minLength: 1, maxLength: 4 }),
  });

/** What a run of random tables must have met: not present, not allowed, reserved bit, protection key. */
const FAULTS = ["fault 0", "fault 1", "fault 9"];
const OUTCOMES = {
  "no paging": ["page of 4096"],
  "32-bit paging": ["page of 4096", `page of ${1 << 22}`, ...FAULTS],
  "PAE paging": ["page of 4096", `page of ${1 << 21}`, ...FAULTS],
  "4-level paging": [
    "page of 4096",
    `page of ${1 << 21}`,
    `page of ${1 << 30}`,
    "not canonical",
    "fault 33",
    ...FAULTS,
  ],
} as const;

const describeOutcome = (outcome: Outcome): string => {
  if (outcome.result === "fault") return `fault ${outcome.errorCode & 0x29}`;
  return outcome.result === "page" ? `page of ${outcome.pageSize}` : outcome.result;
};

const RUNS = 4000;

describe.each(Object.keys(MODES) as (keyof typeof MODES)[])("%s, as the manual's reference walk has it", (mode) => {
  it.each<[string, fc.Arbitrary<EptSeed>]>([
    ["without EPT", fc.constant(NO_EPT)],
    ["behind the EPT", eptSeed],
  ])(
    "%s",
    (_name, ept) => {
      const machine = new RandomMachine();
      const met = new Map<string, number>();
      fc.assert(
        fc.property(scenario(mode, ept), (seed) => {
          const state = machine.prepare(seed);
          for (const { kind, accessor, offset } of seed.accesses) {
            const linear = seed.linear | offset;
            const expected = referenceTranslate(machine.reference, state, linear, kind, accessor);
            expect(machine.translate(linear, kind, accessor)).toEqual(expected);
            expect(machine.firstDifference()).toBe(-1);
            const what = describeOutcome(expected);
            met.set(what, (met.get(what) ?? 0) + 1);
          }
        }),
        { numRuns: RUNS },
      );
      expect(machine.firstDifferenceAnywhere()).toBe(-1);
      expect([...met.keys()]).toEqual(expect.arrayContaining([...OUTCOMES[mode], "stop"]));
      const { page, fault } = machine.emitted;
      const isEmitted = mode === "32-bit paging" || mode === "4-level paging";
      expect([page > 40, fault > 40]).toEqual([isEmitted, isEmitted]);
    },
    60_000,
  );
});
