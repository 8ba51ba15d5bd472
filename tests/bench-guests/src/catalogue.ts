/** How a guest is built. */
export interface GuestSource {
  readonly name: string;
  readonly source: string;
  /** Options of the compiler beyond those of all guests, for both word sizes and for each. */
  readonly options: {
    readonly both: readonly string[];
    readonly 32: readonly string[];
    readonly 64: readonly string[];
  };
}

/** A guest, and what it must print. */
export interface GuestSpec extends GuestSource {
  /** The least work, for checks of its checksum. */
  readonly least: Work;
  /** Amounts of work whose time is measured. */
  readonly measured: Amounts;
  /** The same for a run that only shows that everything works. */
  readonly quick: Amounts;
}

/** Amounts of work for measurements. */
export interface Amounts {
  /** What an interpreter does in about a second. */
  readonly interpreted: Work;
  /**
   * Amounts from small to large, of which the smallest is the one whole run that counts. The slope between the last two is the steady
   * state, which has no start in it: a third one stands where the smallest run is over before hot code is compiled.
   */
  readonly compiled: readonly [Work, Work] | readonly [Work, Work, Work];
}

/** `n` of the command line, and the checksum that the guest prints for it. */
export interface Work {
  readonly n: number;
  readonly sum: string;
}

export type Bits = 32 | 64;

const INTEGER = ["-mgeneral-regs-only"];
const integer = (...more: readonly string[]): GuestSpec["options"] => ({ both: [...INTEGER, ...more], 32: [], 64: [] });

const work = (n: number, sum: string): Work => ({ n, sum });

/** Between which the slope is the steady state. */
export const steadyWorks = ({ compiled }: Amounts): readonly [Work, Work] =>
  compiled.length === 2 ? compiled : [compiled[1], compiled[2]];

const CALLS: GuestSpec = {
  name: "calls",
  source: "bench_calls.c",
  options: integer(),
  least: work(1, "3e6813dd"),
  measured: {
    interpreted: work(40, "1711f1df"),
    compiled: [work(300, "270ab017"), work(900, "16ee84b7")],
  },
  quick: { interpreted: work(1, "3e6813dd"), compiled: [work(1, "3e6813dd"), work(40, "1711f1df")] },
};

const SMC: GuestSpec = {
  name: "smc",
  source: "bench_smc.c",
  options: integer(),
  least: work(10, "8125bd6d"),
  measured: {
    interpreted: work(20_000, "8393cca1"),
    compiled: [work(20_000, "8393cca1"), work(100_000, "ad16eeaf")],
  },
  quick: {
    interpreted: work(10, "8125bd6d"),
    compiled: [work(1000, "f27851f5"), work(20_000, "8393cca1")],
  },
};

/** All guests. The checksums are those of QEMU TCG, and of the same objects as Linux programs where they can be that. */
export const GUESTS: readonly GuestSpec[] = [
  {
    name: "int",
    source: "bench_int.c",
    options: integer(),
    least: work(1, "246d1ced"),
    measured: { interpreted: work(8, "a30248df"), compiled: [work(60, "617809ed"), work(180, "02d28db2")] },
    quick: { interpreted: work(1, "246d1ced"), compiled: [work(1, "246d1ced"), work(4, "ddbb2710")] },
  },
  {
    name: "mem",
    source: "bench_mem.c",
    options: integer(),
    least: work(1, "33467783"),
    measured: { interpreted: work(3, "b50246cc"), compiled: [work(3, "b50246cc"), work(9, "4826c503")] },
    quick: { interpreted: work(1, "33467783"), compiled: [work(1, "33467783"), work(2, "64d43e50")] },
  },
  {
    name: "branch",
    source: "bench_branch.c",
    options: integer(),
    least: work(1, "a75a64d8"),
    measured: { interpreted: work(2, "74a5a0ae"), compiled: [work(12, "f921645f"), work(48, "aedf14dc")] },
    quick: { interpreted: work(1, "a75a64d8"), compiled: [work(1, "a75a64d8"), work(2, "74a5a0ae")] },
  },
  CALLS,
  {
    name: "fpsse",
    source: "bench_fp.c",
    options: { both: ["-DFLOAT"], 32: ["-march=pentium4", "-mfpmath=sse"], 64: [] },
    least: work(1, "758754c2"),
    measured: { interpreted: work(1, "758754c2"), compiled: [work(4, "4f5eca53"), work(8, "a4a2d969")] },
    quick: { interpreted: work(1, "758754c2"), compiled: [work(1, "758754c2"), work(2, "872f6460")] },
  },
  {
    name: "fpx87",
    source: "bench_fp.c",
    options: { both: ["-DFLOAT", "-DFP_X87", "-mfpmath=387"], 32: [], 64: [] },
    least: work(1, "156ef51a"),
    measured: { interpreted: work(1, "156ef51a"), compiled: [work(1, "156ef51a"), work(3, "91ab5b06")] },
    quick: { interpreted: work(1, "156ef51a"), compiled: [work(1, "156ef51a"), work(2, "7a2dc897")] },
  },
  SMC,
  {
    name: "pio",
    source: "bench_trap.c",
    options: integer("-DTRAP_PIO"),
    least: work(1000, "0000afc8"),
    measured: {
      interpreted: work(1_000_000, "02aea540"),
      compiled: [work(1_000_000, "02aea540"), work(4_000_000, "0aba9500"), work(16_000_000, "2aea5400")],
    },
    quick: {
      interpreted: work(1000, "0000afc8"),
      compiled: [work(20_000, "000dbba0"), work(1_000_000, "02aea540")],
    },
  },
  {
    name: "softint",
    source: "bench_trap.c",
    options: integer("-DTRAP_SOFTINT"),
    least: work(1000, "000003e8"),
    measured: {
      interpreted: work(1_000_000, "000f4240"),
      compiled: [work(1_000_000, "000f4240"), work(4_000_000, "003d0900"), work(16_000_000, "00f42400")],
    },
    quick: {
      interpreted: work(1000, "000003e8"),
      compiled: [work(20_000, "00004e20"), work(1_000_000, "000f4240")],
    },
  },
  {
    name: "pgfault",
    source: "bench_trap.c",
    options: integer(),
    least: work(100, "78252da1"),
    measured: {
      interpreted: work(200_000, "dd305bd6"),
      compiled: [work(200_000, "dd305bd6"), work(800_000, "17cee92f"), work(3_200_000, "942ad1c4")],
    },
    quick: {
      interpreted: work(100, "78252da1"),
      compiled: [work(5000, "ab38c260"), work(200_000, "dd305bd6")],
    },
  },
];

/** Eight routines, of which none runs long: what it costs to compile them has to pay soon. */
const SHORT: GuestSource = { name: "short", source: "bench_short.c", options: integer() };

/** Programs of about ten million instructions (9.2 to 10.5 million, by word size). */
export const SHORT_PROGRAMS: readonly { readonly guest: GuestSource; readonly work: Work }[] = [
  { guest: SHORT, work: work(1, "d6410a3d") },
  { guest: CALLS, work: work(11, "0c391bde") },
  { guest: SMC, work: work(8000, "0c009d4a") },
];
