import { writeCode } from "./code.ts";
import { writeDescriptors } from "./descriptors.ts";
import { AT, MMIO, PAGE, RAM_BYTES, RAM_PAGES } from "./layout.ts";
import { writePagingStructures } from "./paging-structures.ts";
import { Random } from "./random.ts";
import { bitsOfMode, type CpuStateImage, MODES, randomState } from "./state.ts";

/**
 * How guest-physical addresses become host-physical ones. `none`: no EPT, the guest has the arena's first frames. `sealed`:
 * an EPT under which the guest cannot write its paging structures, so that no result depends on what is cached.
 * `open`: an EPT with accessed and dirty flags, missing pages, misconfigured entries.
 */
export const TRANSLATIONS = ["none", "sealed", "open"] as const;
export type Translation = (typeof TRANSLATIONS)[number];

/** What the guest's EPT says of a page. */
export interface EptLeaf {
  readonly page: number;
  readonly write: boolean;
  readonly execute: boolean;
  /** The page is mapped when the guest asks for it, by the hypervisor. */
  readonly onDemand: boolean;
  /** Bits that are changed in the entry: it may be misconfigured, or grant something odd. */
  readonly flip: bigint;
}

/** A number of instructions, and what the outside does to the guest before it. */
export interface Segment {
  readonly budget: number;
  readonly seed: number;
}

/** Everything of one attempt, made from its seed alone. */
export interface Scenario {
  readonly seed: number;
  readonly translation: Translation;
  readonly tracksAccess: boolean;
  readonly ram: Uint8Array;
  readonly leaves: readonly EptLeaf[];
  readonly states: readonly CpuStateImage[];
  readonly modes: readonly string[];
  readonly exceptionBitmap: number;
  readonly intercepts: Uint8Array;
  /** Frames that the host has left for what processors cache. */
  readonly spareFrames: number;
  readonly segments: readonly Segment[];
}

const MOST_SEGMENTS = 96;
const INTERCEPTS = 64;

export function createScenario(seed: number): Scenario {
  const random = new Random(seed);
  const translation = random.of(["none", "sealed", "sealed", "open", "open"] as const);
  const modes = Array.from({ length: 1 + random.below(4) }, () => random.of(MODES));
  const garbage = random.of([0, 0, 0, 1, 3, 10, 40]);
  const ram = new Uint8Array(RAM_BYTES);
  for (let page: number = AT.data; page < RAM_PAGES; page++)
    if (random.chance(2)) for (let i = 0; i < PAGE; i++) ram[page * PAGE + i] = random.below(256);
  const roots = writePagingStructures(ram, random, { garbage, isSealed: translation === "sealed" });
  const pages = writeCode(ram, random, () => bitsOfMode(random.of(modes), random));
  const targets = pages.flatMap(({ starts }) => Array.from({ length: 4 }, () => random.of(starts)));
  writeDescriptors(ram, random, targets, garbage);
  return {
    seed,
    translation,
    tracksAccess: translation === "open" && random.chance(2),
    ram,
    leaves: Array.from({ length: RAM_PAGES }, (_, page) => eptLeaf(random, page, translation)),
    states: modes.map((mode) => randomState(random, mode, { pages, roots })),
    modes,
    exceptionBitmap: random.of([0, 0xffffffff, 0xffffffff, random.bits32()]),
    intercepts: anyIntercepts(random),
    spareFrames: random.of([0, 8, 64]),
    segments: Array.from({ length: 1 + random.below(MOST_SEGMENTS) }, () => ({
      budget: random.of([1, 2, 10, 100, 1000]) * (1 + random.below(3)),
      seed: random.bits32(),
    })),
  };
}

function eptLeaf(random: Random, page: number, translation: Translation): EptLeaf {
  const isSealed = translation === "sealed" && page >= AT.tables && page < AT.tablesEnd;
  return {
    page,
    write: !isSealed && !random.chance(40),
    execute: !random.chance(60),
    onDemand: random.chance(30),
    flip: translation === "open" && random.chance(60) ? 1n << BigInt(random.of([0, 1, 2, 3, 4, 5, 46, 50, 51])) : 0n,
  };
}

export function anyIntercepts(random: Random): Uint8Array {
  const kind = random.below(4);
  return Uint8Array.from({ length: INTERCEPTS }, () => (kind < 2 ? 0 : kind === 2 ? 1 : random.below(2)));
}

export const isDevice = (page: number): boolean => page >= MMIO.first && page < MMIO.end;
