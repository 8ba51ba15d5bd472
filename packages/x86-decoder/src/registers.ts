/** Kinds of registers. A register's id is `(class << 5) | number`. */
export const REGISTER_CLASS = {
  /** AL, CL, DL, BL, SPL, BPL, SIL, DIL, R8B to R31B. */
  gpr8: 0,
  /** AH, CH, DH, BH, numbers 4 to 7 (SDM Vol 2, table 2-2 without REX). */
  gpr8High: 1,
  gpr16: 2,
  gpr32: 3,
  gpr64: 4,
  segment: 5,
  control: 6,
  debug: 7,
  /** ST0 to ST7. */
  x87: 8,
  mmx: 9,
  xmm: 10,
  ymm: 11,
  zmm: 12,
  /** K0 to K7. */
  opmask: 13,
  /** TMM0 to TMM7. */
  tile: 14,
  /** 0: IP, 1: EIP, 2: RIP. */
  instructionPointer: 15,
} as const;

/** Classes whose registers have only three bits in ModRM; the rest of REX is ignored. */
export const THREE_BITS: ReadonlySet<number> = /* @__PURE__ */ new Set([
  REGISTER_CLASS.mmx,
  REGISTER_CLASS.opmask,
  REGISTER_CLASS.x87,
  REGISTER_CLASS.segment,
  REGISTER_CLASS.tile,
]);

/** Stands for no register where a register id may stand. */
export const NO_REGISTER_ID = 0xffff;

const LEGACY = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"];

const range = (length: number, name: (i: number) => string): string[] => Array.from({ length }, (_, i) => name(i));

function namesOf(): string[] {
  const numbered = (suffix: string): string[] => range(24, (i) => `r${i + 8}${suffix}`);
  const classes: string[][] = [
    ["al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil", ...numbered("b")],
    ["", "", "", "", "ah", "ch", "dh", "bh"],
    [...LEGACY, ...numbered("w")],
    [...LEGACY.map((name) => `e${name}`), ...numbered("d")],
    [...LEGACY.map((name) => `r${name}`), ...numbered("")],
    ["es", "cs", "ss", "ds", "fs", "gs"],
    range(16, (i) => `cr${i}`),
    range(16, (i) => `dr${i}`),
    range(8, (i) => `st${i}`),
    range(8, (i) => `mm${i}`),
    range(32, (i) => `xmm${i}`),
    range(32, (i) => `ymm${i}`),
    range(32, (i) => `zmm${i}`),
    range(8, (i) => `k${i}`),
    range(8, (i) => `tmm${i}`),
    ["ip", "eip", "rip"],
  ];
  return classes.flatMap((names) => [...names, ...range(32 - names.length, () => "")]);
}

/** Names in lower case by register id; "" for ids that are no register. */
export const REGISTER_NAMES: readonly string[] = /* @__PURE__ */ namesOf();

/** Bytes by register class. */
export const REGISTER_BYTES: Uint8Array = /* @__PURE__ */ Uint8Array.of(
  ...[1, 1, 2, 4, 8, 2, 8, 8, 10, 8, 16, 32, 64, 8, 0, 8],
);
