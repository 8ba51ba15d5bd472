import { type Expression, type I32, type I64, i32, load } from "@likex/wasm-emitter";
import { FPU, TLB } from "../context.ts";
import { STATUS } from "../status.ts";
import type { Operand, SegmentAccess, SemanticsBuilder } from "./builder.ts";
import { entryOf, hostOf } from "./memory-access.ts";

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

const bytesOf = (operand: Operand & { readonly kind: "memory" }): number => operand.bytes ?? operand.bits / 8;

/** Address of the bytes of an operand that is read. */
export function sourceAddress(b: SemanticsBuilder, position: number, alignment: Alignment = "unaligned"): I32 {
  const operand = b.operand(position);
  if (operand.kind === "vector" || operand.kind === "mmx") return b.let(b.slotAddress(operand.slot));
  if (operand.kind !== "memory") throw new RangeError(`${b.shape.mnemonic}: operand ${position} has no address`);
  const bytes = bytesOf(operand);
  const linear = alignedLinear(b, bytes, alignment === "aligned" && bytes === 16 ? 16 : 1, "read");
  return readAt(b, linear, bytes);
}

/** Address at which the bytes of guest memory at a linear address can be read. */
export function readAt(b: SemanticsBuilder, linear: I64, bytes: number): I32 {
  return hostAddress(b, TLB.read, "memory_read_slow", linear, bytes);
}

/** Where the soft TLB has the bytes, else where the slow routine puts them; stops when that fails. */
function hostAddress(b: SemanticsBuilder, tag: number, slow: string, linear: I64, bytes: number): I32 {
  const at = entryOf(b, tag, bytes, linear);
  const address = b.temporary("i32");
  b.code.if(
    at.miss,
    () => {
      b.code.set(address, call(b, slow, linear, i32.const(bytes)));
      b.code.if(i32.eqz(b.code.get(address)), () => b.fail(load.i32(b.contextAddress(), FPU.accessStatus)));
    },
    () => b.code.set(address, hostOf(at)),
  );
  return b.code.get(address);
}

/** A place for a result: nothing fails after this but device memory, before anything else has changed, in `commit`. */
export interface Target {
  readonly address: I32;
  readonly commit: () => void;
}

export function targetAddress(b: SemanticsBuilder, position: number, alignment: Alignment = "unaligned"): Target {
  const operand = b.operand(position);
  if (operand.kind === "vector" || operand.kind === "mmx")
    return { address: b.let(b.slotAddress(operand.slot)), commit: () => {} };
  if (operand.kind !== "memory") throw new RangeError(`${b.shape.mnemonic}: operand ${position} has no address`);
  const bytes = bytesOf(operand);
  const linear = alignedLinear(b, bytes, alignment === "aligned" && bytes === 16 ? 16 : 1, "write");
  return probeAt(b, linear, bytes);
}

export function probeAt(b: SemanticsBuilder, linear: I64, bytes: number): Target {
  const address = hostAddress(b, TLB.write, "memory_probe_slow", linear, bytes);
  return {
    address,
    commit: () => {
      const status = b.let(call(b, "memory_commit", linear, i32.const(bytes), address));
      b.code.if(status, () => b.fail(status));
    },
  };
}

/** An MMX register holds a value: the exponent part of the x87 register under it becomes all ones (SDM Vol 1, 9.6.2). */
export function markMmx(b: SemanticsBuilder, address: I32): void {
  b.code.store("i32to16", address, i32.const(0xffff), 8);
}

/** Whether the instruction works on MMX registers, judged by its operands. */
export const isMmx = (b: SemanticsBuilder): boolean => b.shape.operands.some((operand) => operand.kind === "mmx");

/** Raises what CR0 and CR4 make of SSE instructions. */
export function checkSse(b: SemanticsBuilder): void {
  const vector = b.let(b.contextLoad(FPU.sseFault, 32) as I32);
  b.code.if(vector, () => b.stop(STATUS.exception, vector));
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
