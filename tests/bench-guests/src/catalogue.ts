/** A guest: how it is built, and what it must print. */
export interface GuestSpec {
  readonly name: string;
  readonly source: string;
  /** Options of the compiler beyond those of all guests, for both word sizes and for each. */
  readonly options: {
    readonly both: readonly string[];
    readonly 32: readonly string[];
    readonly 64: readonly string[];
  };
  /** Amount of work for a quick check, and the checksum then. */
  readonly quick: Work;
  /** Amount of work that an interpreter does in about a second, and the checksum then. */
  readonly measured: Work;
}

/** `n` of the command line, and the checksum that the guest prints for it. */
export interface Work {
  readonly n: number;
  readonly sum: string;
}

export type Bits = 32 | 64;

const INTEGER = ["-mgeneral-regs-only"];
const integer = (...more: readonly string[]): GuestSpec["options"] => ({ both: [...INTEGER, ...more], 32: [], 64: [] });

/** All guests. The checksums are those of QEMU TCG, and of the same objects as Linux programs where they can be that. */
export const GUESTS: readonly GuestSpec[] = [
  {
    name: "int",
    source: "bench_int.c",
    options: integer(),
    quick: { n: 1, sum: "246d1ced" },
    measured: { n: 8, sum: "a30248df" },
  },
  {
    name: "mem",
    source: "bench_mem.c",
    options: integer(),
    quick: { n: 1, sum: "33467783" },
    measured: { n: 3, sum: "b50246cc" },
  },
  {
    name: "branch",
    source: "bench_branch.c",
    options: integer(),
    quick: { n: 1, sum: "a75a64d8" },
    measured: { n: 2, sum: "74a5a0ae" },
  },
  {
    name: "calls",
    source: "bench_calls.c",
    options: integer(),
    quick: { n: 1, sum: "3e6813dd" },
    measured: { n: 40, sum: "1711f1df" },
  },
  {
    name: "fpsse",
    source: "bench_fp.c",
    options: { both: ["-DFLOAT"], 32: ["-march=pentium4", "-mfpmath=sse"], 64: [] },
    quick: { n: 1, sum: "758754c2" },
    measured: { n: 1, sum: "758754c2" },
  },
  {
    name: "fpx87",
    source: "bench_fp.c",
    options: { both: ["-DFLOAT", "-DFP_X87", "-mfpmath=387"], 32: [], 64: [] },
    quick: { n: 1, sum: "156ef51a" },
    measured: { n: 1, sum: "156ef51a" },
  },
  {
    name: "smc",
    source: "bench_smc.c",
    options: integer(),
    quick: { n: 10, sum: "8125bd6d" },
    measured: { n: 20_000, sum: "8393cca1" },
  },
  {
    name: "pio",
    source: "bench_trap.c",
    options: integer("-DTRAP_PIO"),
    quick: { n: 1000, sum: "0000afc8" },
    measured: { n: 1_000_000, sum: "02aea540" },
  },
  {
    name: "softint",
    source: "bench_trap.c",
    options: integer("-DTRAP_SOFTINT"),
    quick: { n: 1000, sum: "000003e8" },
    measured: { n: 1_000_000, sum: "000f4240" },
  },
  {
    name: "pgfault",
    source: "bench_trap.c",
    options: integer(),
    quick: { n: 100, sum: "78252da1" },
    measured: { n: 200_000, sum: "dd305bd6" },
  },
];
