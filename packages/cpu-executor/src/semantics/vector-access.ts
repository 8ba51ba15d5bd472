import { type Expression, type I32, type I64, i32 } from "@likex/wasm-emitter";
import { FPU } from "../context.ts";
import { STATUS } from "../status.ts";
import type { SegmentAccess, SemanticsBuilder } from "./builder.ts";
import { MemoryPlace, type Place } from "./place.ts";

/** Whether a memory operand of 16 bytes must be aligned: most must (SDM Vol 1, 4.1.1). */
export type Alignment = "aligned" | "unaligned";

const GENERAL_PROTECTION = 13;

export function call(b: SemanticsBuilder, routine: string, ...args: readonly Expression[]): I32 {
  return b.code.call("i32", b.routine(routine), b.contextAddress(), ...args);
}

export function perform(b: SemanticsBuilder, routine: string, ...args: readonly Expression[]): void {
  b.code.perform(b.routine(routine), b.contextAddress(), ...args);
}

/** Raises the exception whose vector the routine gives; 0 is none. */
export function checkWith(b: SemanticsBuilder, routine: string): void {
  const vector = b.let(call(b, routine));
  b.code.if(vector, () => b.stop(STATUS.exception, vector));
}

/** Linear address of the memory operand, which is a multiple of `alignment` or raises #GP(0), also where #SS(0) would be raised. */
function alignedLinear(b: SemanticsBuilder, bytes: number, alignment: number, access: SegmentAccess): I64 {
  const linear = b.let(b.operandLinear(b.effectiveAddress(), bytes, access, alignment));
  if (alignment > 1) {
    const low = i32.and(i32.wrap(linear), i32.const(alignment - 1));
    b.code.if(low, () => b.raise(GENERAL_PROTECTION));
  }
  return linear;
}

/** An operand that is a register, whatever is done with it. */
export function register(b: SemanticsBuilder, position: number): Place {
  const operand = b.operand(position);
  if (operand.kind === "vector") return b.vectorSlot(operand.slot);
  if (operand.kind === "mmx") return b.mmxSlot(operand.slot);
  throw new RangeError(`${b.shape.mnemonic}: operand ${position} is no vector register`);
}

/** An operand that is read. */
export function source(b: SemanticsBuilder, position: number, alignment: Alignment = "unaligned"): Place {
  if (b.operand(position).kind !== "memory") return register(b, position);
  return new MemoryPlace(b.code, memorySource(b, position, alignment));
}

/** Address of the bytes of a memory operand that is read. */
export function memorySource(b: SemanticsBuilder, position: number, alignment: Alignment = "unaligned"): I32 {
  const bytes = memoryBytes(b, position);
  return readAt(b, alignedLinear(b, bytes, alignment === "aligned" && bytes === 16 ? 16 : 1, "read"), bytes);
}

function memoryBytes(b: SemanticsBuilder, position: number): number {
  const operand = b.operand(position);
  if (operand.kind !== "memory") throw new RangeError(`${b.shape.mnemonic}: operand ${position} is not in memory`);
  return operand.bytes ?? operand.bits / 8;
}

/** Address at which the bytes of guest memory at a linear address can be read. */
export const readAt = (b: SemanticsBuilder, linear: I64, bytes: number): I32 => b.guestBytes("read", linear, bytes);

/** A place for a result: nothing fails after this but device memory, before anything else has changed, in `commit`. */
export interface Target {
  readonly place: Place;
  readonly commit: () => void;
}

export function target(b: SemanticsBuilder, position: number, alignment: Alignment = "unaligned"): Target {
  if (b.operand(position).kind !== "memory") return { place: register(b, position), commit: () => {} };
  const { address, commit } = memoryTarget(b, position, alignment);
  return { place: new MemoryPlace(b.code, address), commit };
}

export interface MemoryTarget {
  readonly address: I32;
  readonly commit: () => void;
}

export function memoryTarget(b: SemanticsBuilder, position: number, alignment: Alignment = "unaligned"): MemoryTarget {
  const bytes = memoryBytes(b, position);
  const linear = alignedLinear(b, bytes, alignment === "aligned" && bytes === 16 ? 16 : 1, "write");
  return probeAt(b, linear, bytes);
}

export function probeAt(b: SemanticsBuilder, linear: I64, bytes: number): MemoryTarget {
  const address = b.guestBytes("write", linear, bytes);
  return { address, commit: () => b.commitBytes(linear, bytes, address) };
}

/** An MMX register holds a value: the exponent part of the x87 register under it becomes all ones (SDM Vol 1, 9.6.2). */
export function markMmx(b: SemanticsBuilder, place: Place): void {
  b.code.store("i32to16", place.address(), i32.const(0xffff), 8);
}

/** Whether the instruction works on MMX registers, judged by its operands. */
export const isMmx = (b: SemanticsBuilder): boolean => b.shape.operands.some((operand) => operand.kind === "mmx");

/** Raises what CR0 and CR4 make of SSE instructions. */
export function checkSse(b: SemanticsBuilder): void {
  b.once("sse", () => {
    const vector = b.let(b.contextLoad(FPU.sseFault, 32) as I32);
    b.code.if(vector, () => b.stop(STATUS.exception, vector));
  });
}

/** Checks that come before an MMX or SSE instruction; an MMX one that has no memory operand left to fail enters MMX state. */
export function checkVector(b: SemanticsBuilder): void {
  if (isMmx(b)) checkWith(b, "mmx_check");
  else checkSse(b);
}

/** After everything that can fail: x87's tags and TOP as every MMX instruction leaves them. */
export function enterMmx(b: SemanticsBuilder): void {
  if (isMmx(b)) perform(b, "mmx_enter");
}
