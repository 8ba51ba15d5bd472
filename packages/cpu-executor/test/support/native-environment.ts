/**
 * Where the executions beside a real processor happen: pages, segments and selectors. The LDT is one that Linux lets a
 * program make for itself (modify_ldt); the GDT's selectors are those of x86-64 Linux.
 */

/** The page that holds the code. */
export const CODE_PAGE = 0x10000000;

/** Offset of the window in the region that is compared, its size, and the point in it that is the border of a page at some places. */
export const WINDOW_OFFSET = 256;
export const WINDOW_BYTES = 256;
export const BORDER_OFFSET = 384;
const REGION = 1024;

/** Where a window can be: in the middle of a page, across two, before what is not mapped, or behind it. */
interface Place {
  /** Linear address of the window. */
  readonly window: number;
  /** Mapped part of the region, relative to its start. */
  readonly from: number;
  readonly to: number;
  readonly pages: readonly number[];
}

const PLACES = {
  middle: { window: 0x20000700, from: 0, to: REGION, pages: [0x20000000] },
  end: { window: 0x21000f80, from: 0, to: BORDER_OFFSET, pages: [0x21000000] },
  across: { window: 0x22000f80, from: 0, to: REGION, pages: [0x22000000, 0x22001000] },
  start: { window: 0x23000f80, from: BORDER_OFFSET, to: REGION, pages: [0x23001000] },
} satisfies Record<string, Place>;

/** Pages of data, in the order of their addresses. */
export const DATA_PAGES: readonly number[] = Object.values<Place>(PLACES).flatMap(({ pages }) => pages);

/** One segment, as modify_ldt takes it. `contents`: 0 data, 1 expand-down data, 2 code. The limit is in pages with `pages`. */
export interface LdtSegment {
  readonly base: number;
  readonly limit: number;
  readonly big: 0 | 1;
  readonly contents: 0 | 1 | 2;
  /** Data that cannot be written, code that cannot be read. */
  readonly restricted: 0 | 1;
  readonly pages: 0 | 1;
  readonly present: 0 | 1;
}

const segment = (base: number, limit: number, big: 0 | 1, rest: Partial<LdtSegment> = {}): LdtSegment => ({
  ...{ base, limit, big, contents: 0, restricted: 0, pages: 0, present: 1 },
  ...rest,
});

/** Offset of the window in segments that begin a little before it. */
const NEAR = 0x3c0;
/** Limits that accesses around the window meet now and then: data, the destination of strings, the stack. */
const LIMITS = { data: NEAR + 150, extra: NEAR + 175, stack: NEAR + 190, down: NEAR + 100 } as const;
const near = PLACES.middle.window - NEAR;
const nearBorder = PLACES.across.window - NEAR;
/** The window is at FF00h: offsets of 16 bits end a little behind it. */
const HIGH = 0xff00;
const high = PLACES.middle.window - HIGH;
/** Linear addresses wrap around at 4 GiB on the way to the window. */
const WRAPPING_BASE = 0xf0000000;

const SEGMENTS = {
  code32: segment(CODE_PAGE, 0xfff, 1, { contents: 2 }),
  code16: segment(CODE_PAGE, 0xfff, 0, { contents: 2 }),
  data32: segment(near, LIMITS.data, 1),
  extra32: segment(near, LIMITS.extra, 1),
  stack32: segment(near, LIMITS.stack, 1),
  readOnly32: segment(near, LIMITS.data, 1, { restricted: 1 }),
  readableCode: segment(near, LIMITS.data, 1, { contents: 2 }),
  executeOnly32: segment(CODE_PAGE, 0xfff, 1, { contents: 2, restricted: 1 }),
  executeOnly16: segment(CODE_PAGE, 0xfff, 0, { contents: 2, restricted: 1 }),
  down32: segment(near, LIMITS.down, 1, { contents: 1 }),
  data16: segment(near, LIMITS.data, 0),
  extra16: segment(near, LIMITS.extra, 0),
  stack16: segment(near, LIMITS.stack, 0),
  down16: segment(near, LIMITS.down, 0, { contents: 1 }),
  wrapping: segment(WRAPPING_BASE, 0xfffff, 1, { pages: 1 }),
  across32: segment(nearBorder, 0xfff, 1),
  across16: segment(nearBorder, 0xfff, 0),
  high32: segment(high, 0xffff, 1),
  high16: segment(high, 0xffff, 0),
  absent: segment(near, LIMITS.data, 1, { present: 0 }),
} satisfies Record<string, LdtSegment>;

type SegmentName = keyof typeof SEGMENTS;
const NAMES = Object.keys(SEGMENTS) as SegmentName[];

/** The LDT; entry 0 is not used. */
export const LDT: readonly LdtSegment[] = Object.values(SEGMENTS);
export const LDT_ENTRIES: number = LDT.length + 1;

const IN_LDT = 7;
const selectorOf = (name: SegmentName): number => ((NAMES.indexOf(name) + 1) << 3) | IN_LDT;

/** Selectors of x86-64 Linux's GDT that a program can load. */
export const LINUX = { code32: 0x23, data: 0x2b, code64: 0x33 } as const;

/** What is loaded into segment registers: every kind of descriptor, null, privileged ones, and none. */
export const SELECTORS: readonly number[] = [
  ...[0, 3, LINUX.data, LINUX.code32, LINUX.code64, 0x2a, 0x10, 0x18, 0x60, 0x87, 0xff, 0xffff],
  ...NAMES.map(selectorOf),
  (LDT_ENTRIES << 3) | IN_LDT,
  4,
];

export interface Environment {
  readonly name: string;
  readonly bits: 16 | 32 | 64;
  readonly place: Place;
  /** ES CS SS DS FS GS. */
  readonly selectors: readonly number[];
  /** Base of every data segment. */
  readonly base: number;
  readonly codeBase: number;
  /** Of FS and GS; in 64-bit mode others than their descriptors'. */
  readonly fsBase: number;
  readonly gsBase: number;
  /** RFLAGS.AC. */
  readonly checksAlignment: boolean;
}

const in64 = (name: string, place: keyof typeof PLACES, rest: Partial<Environment> = {}): Environment => ({
  ...{ name, bits: 64, place: PLACES[place], selectors: [0, LINUX.code64, LINUX.data, 0, 0, 0], base: 0, codeBase: 0 },
  ...{ fsBase: 0x10, gsBase: -0x20, checksAlignment: false },
  ...rest,
});

const inGdt = (name: string, place: keyof typeof PLACES, checksAlignment = false): Environment => ({
  ...{ name, bits: 32, place: PLACES[place], base: 0, codeBase: 0, fsBase: 0, gsBase: 0, checksAlignment },
  selectors: [LINUX.data, LINUX.code32, LINUX.data, LINUX.data, LINUX.data, 0],
});

/** Code in the LDT; names of ES SS DS FS GS. */
function inLdt(
  name: string,
  code: SegmentName,
  place: keyof typeof PLACES,
  names: readonly (SegmentName | null)[],
): Environment {
  const [es = 0, ...others] = names.map((each) => (each === null ? 0 : selectorOf(each)));
  const baseOf = (name: SegmentName | null | undefined): number => (name == null ? 0 : SEGMENTS[name].base);
  const data = names.find((each) => each !== null) as SegmentName;
  return {
    ...{
      name,
      bits: SEGMENTS[code].big === 0 ? 16 : 32,
      place: PLACES[place],
      selectors: [es, selectorOf(code), ...others],
    },
    ...{ base: SEGMENTS[data].base, codeBase: CODE_PAGE, checksAlignment: false },
    ...{ fsBase: baseOf(names[3]), gsBase: baseOf(names[4]) },
  };
}

/** By number, which seeds contain: only ever appended to. */
export const ENVIRONMENTS: readonly Environment[] = [
  in64("64-bit", "middle", { fsBase: 0, gsBase: 0 }),
  in64("64-bit, end of a page", "end"),
  in64("64-bit, across pages", "across"),
  in64("64-bit, start of a page", "start"),
  in64("64-bit, alignment checks", "middle", { checksAlignment: true }),
  inGdt("32-bit, flat", "middle"),
  inGdt("32-bit, flat, across pages", "across"),
  inGdt("32-bit, flat, end of a page", "end"),
  inGdt("32-bit, flat, alignment checks", "middle", true),
  inLdt("32-bit", "code32", "middle", ["extra32", "stack32", "data32", "readOnly32", "readableCode"]),
  inLdt("32-bit, linear addresses that wrap around", "code32", "middle", Array(5).fill("wrapping")),
  inLdt("32-bit, 16-bit stack", "code32", "middle", ["extra32", "stack16", "data32", "data16", null]),
  inLdt("32-bit, expand-down", "code32", "middle", ["down32", "down32", "down32", "down16", "data32"]),
  inLdt("32-bit, segments that refuse", "executeOnly32", "middle", [
    "readOnly32",
    "down16",
    "readableCode",
    "data32",
    null,
  ]),
  inLdt("16-bit", "code16", "middle", ["extra16", "stack16", "data16", "readOnly32", "readableCode"]),
  inLdt("16-bit, across pages", "code16", "across", Array(5).fill("across16")),
  inLdt("16-bit, end of the segment", "code16", "middle", Array(5).fill("high16")),
  inLdt("16-bit, 32-bit stack", "code16", "middle", ["extra16", "stack32", "data32", "down16", null]),
  inLdt("16-bit, expand-down", "code16", "middle", ["down16", "down16", "down16", "down32", "data16"]),
  inLdt("16-bit, segments that refuse", "executeOnly16", "middle", [
    null,
    "down16",
    "readableCode",
    "readOnly32",
    "extra16",
  ]),
];
