import { IMMEDIATE } from "./layout.ts";
import { ROW_REGISTERS } from "./row-fields.ts";

/**
 * Tables that replace branches of the decoder which no processor predicts: by ModRM and SIB byte, by immediate kind, by
 * operand size rule.
 */

/** base and index absent, in a row's registers. */
export const NO_BASE: number = 63 << ROW_REGISTERS.baseShift;
export const NO_INDEX: number = 63 << ROW_REGISTERS.indexShift;
const RIP_BASE: number = 32 << ROW_REGISTERS.baseShift;

const isMemory = (modrm: number): boolean => modrm < 0xc0;
/** Whether a SIB byte follows, with 32- and 64-bit addressing. */
const hasSib = (modrm: number): boolean => isMemory(modrm) && (modrm & 7) === 4;
/** An address without base, or relative to RIP. */
const isDirect = (modrm: number): boolean => (modrm & 0xc7) === 5;

const byByte = (word: (byte: number) => number): Int32Array =>
  Int32Array.from({ length: 256 }, (_, byte) => word(byte));

const fixedFields = (modrm: number): number =>
  (modrm >> 6) | (((modrm >> 3) & 7) << ROW_REGISTERS.regShift) | ((modrm & 7) << ROW_REGISTERS.rmShift);

/** The row's registers for a ModRM byte without REX, SIB left out. */
const modrmRow = (modrm: number, directBase: number): number => {
  const base = !isMemory(modrm) ? NO_BASE : isDirect(modrm) ? directBase : (modrm & 7) << ROW_REGISTERS.baseShift;
  return fixedFields(modrm) | NO_INDEX | (hasSib(modrm) ? 0 : base);
};

/** Registers of a row by ModRM byte, for 32- and 64-bit addressing outside of and in 64-bit mode. */
export const MODRM_ROW_LEGACY: Int32Array = /* @__PURE__ */ byByte((modrm) => modrmRow(modrm, NO_BASE));
export const MODRM_ROW_64: Int32Array = /* @__PURE__ */ byByte((modrm) => modrmRow(modrm, RIP_BASE));

/** What REX.B adds to that. */
export const MODRM_REX_B: Int32Array = /* @__PURE__ */ byByte(
  (modrm) =>
    (8 << ROW_REGISTERS.rmShift) |
    (isMemory(modrm) && !isDirect(modrm) && !hasSib(modrm) ? 8 << ROW_REGISTERS.baseShift : 0),
);

/** Fields of MODRM_TAIL: bytes of displacement, SIB byte, default segment SS without REX.B. */
export const TAIL = { sizeMask: 7, sib: 8, stackSegment: 16 } as const;

/** What follows a ModRM byte, for 32- and 64-bit addressing. */
export const MODRM_TAIL: Uint8Array = /* @__PURE__ */ Uint8Array.from({ length: 256 }, (_, modrm) => {
  const mod = modrm >> 6;
  const size = mod === 1 ? 1 : mod === 2 || isDirect(modrm) ? 4 : 0;
  const stack = (mod === 1 || mod === 2) && (modrm & 7) === 5 ? TAIL.stackSegment : 0;
  return size | stack | (hasSib(modrm) ? TAIL.sib : 0);
});

/** Left and right shift that sign-extends a value of so many bytes, and what is left of it: nothing of 0 bytes. */
export const EXTEND_SHIFT: Uint8Array = /* @__PURE__ */ Uint8Array.of(0, 24, 16, 0, 0);
export const EXTEND_MASK: Int32Array = /* @__PURE__ */ Int32Array.of(0, -1, -1, -1, -1);

/** Operand sizes as 16 << n by default size * 32 + rule * 4 + size; a rule is FORM_BITS.sizeRule. Index 64 on: 64-bit mode. */
export const SIZE_RULES: Uint8Array = /* @__PURE__ */ Uint8Array.from({ length: 96 }, (_, i) => {
  const [size, rule, mode] = [i & 3, (i >> 2) & 7, i >> 5];
  const afterPrefix = (rule & 4) !== 0 && size !== 2 ? (mode === 0 ? 0 : 1) : size;
  if (mode !== 2) return afterPrefix;
  if ((rule & 2) !== 0) return 2;
  return (rule & 1) !== 0 && afterPrefix === 1 ? 2 : afterPrefix;
});

/** By immediate kind * 4 + operand size: bytes, what is left after sign extension, what is left of the sign. */
const immediateTable = (word: (kind: number, size: number) => number): Int32Array =>
  Int32Array.from({ length: IMMEDIATE.firstComplex * 4 }, (_, i) => word(i >> 2, i & 3));

const immediateBytes = (kind: number, size: number): number =>
  kind === IMMEDIATE.none
    ? 0
    : kind === IMMEDIATE.byte || kind === IMMEDIATE.signedByte
      ? 1
      : kind === IMMEDIATE.word || (kind !== IMMEDIATE.dword && size === 0)
        ? 2
        : 4;

const isSigned = (kind: number, size: number): boolean =>
  kind === IMMEDIATE.signedByte || kind === IMMEDIATE.branch || (kind === IMMEDIATE.upTo32 && size !== 0);

export const IMMEDIATE_BYTES: Int32Array = /* @__PURE__ */ immediateTable(immediateBytes);
export const IMMEDIATE_MASK: Int32Array = /* @__PURE__ */ immediateTable((kind, size) => {
  const bytes = immediateBytes(kind, size);
  return isSigned(kind, size) || bytes === 4 ? -1 : (1 << (bytes * 8)) - 1;
});
export const IMMEDIATE_SIGN: Int32Array = /* @__PURE__ */ immediateTable((kind, size) =>
  isSigned(kind, size) ? -1 : 0,
);
