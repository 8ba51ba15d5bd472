import { isWithin } from "../segment-check.ts";
import type { CpuState } from "../state.ts";
import { isCanonical, type SystemAccess, VECTOR } from "./access.ts";
import { RIGHTS } from "./descriptor.ts";

/** A stack that is not the current one: a segment that has been checked and not yet been loaded, or a flat 64-bit one. */
export interface StackPlace {
  readonly base: bigint;
  readonly limit: number;
  /** Access rights of the segment. */
  readonly rights: number;
  /** 16, 32 or 64. */
  readonly bits: number;
  /** What a limit violation's error code is: the new stack's selector, or 0. */
  readonly errorCode: number;
}

/** Pushes on a stack other than the current one, or on the current one at an inner privilege. */
export class StackFrame {
  readonly #access: SystemAccess;
  readonly #place: StackPlace;
  pointer: bigint;

  constructor(access: SystemAccess, place: StackPlace, pointer: bigint) {
    this.#access = access;
    this.#place = place;
    this.pointer = BigInt.asUintN(place.bits, pointer);
  }

  get bits(): number {
    return this.#place.bits;
  }

  /** Pushes as the processor itself: `how` "guest" for a stack of the current privilege. */
  push(value: bigint, bytes: number, how: "implicit" | "guest" = "implicit"): void {
    const { bits, base, rights, limit, errorCode } = this.#place;
    const access = this.#access;
    this.pointer = BigInt.asUintN(bits, this.pointer - BigInt(bytes));
    if (bits !== 64 && !isWithin(rights, limit, Number(this.pointer), bytes)) access.raise(VECTOR.ss, errorCode);
    if (bits === 64 && !isCanonical(this.pointer)) access.raise(VECTOR.ss, errorCode);
    // One width of two, as in SystemAccess.linearOf.
    const linear = BigInt.asUintN(bits === 64 ? 64 : 32, bits === 64 ? this.pointer : base + this.pointer);
    if (how === "guest") access.writeLinear(linear, bytes, value);
    else access.writeSystem(linear, bytes, value);
  }
}

/** The current stack as a StackPlace, `errorCode` for what does not fit. */
export function currentStack(state: CpuState, bits: number, errorCode: number): StackPlace {
  return {
    base: (BigInt(state.segmentBaseHigh(2) >>> 0) << 32n) | BigInt(state.segmentBaseLow(2) >>> 0),
    limit: state.segmentLimit(2),
    rights: state.segmentAccessRights(2),
    bits,
    errorCode,
  };
}

/** The stack of a segment's rights: 32 bits wide when its B flag is set. */
export const stackBitsOf = (rights: number): number => ((rights & RIGHTS.big) !== 0 ? 32 : 16);
