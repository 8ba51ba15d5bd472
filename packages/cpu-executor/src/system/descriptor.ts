import type { CpuState } from "../state.ts";
import { type SystemAccess, VECTOR } from "./access.ts";

/** Types of system descriptors (SDM Vol 3A, table 3-2); in IA-32e mode only LDT, the 64-bit TSS and 64-bit gates exist. */
export const SYSTEM_TYPE = {
  tss16: 1,
  ldt: 2,
  busyTss16: 3,
  callGate16: 4,
  taskGate: 5,
  interruptGate16: 6,
  trapGate16: 7,
  tss32: 9,
  busyTss32: 11,
  callGate32: 12,
  interruptGate32: 14,
  trapGate32: 15,
} as const;

/** Bits of access rights in the format of the VMCS. */
export const RIGHTS = {
  accessed: 1,
  /** Writable for data, readable for code. */
  readWrite: 2,
  /** Expand-down for data, conforming for code. */
  conforming: 4,
  code: 8,
  segment: 16,
  present: 0x80,
  long: 0x2000,
  big: 0x4000,
  granularity: 0x8000,
  unusable: 0x10000,
} as const;

/** Bits of a selector. */
export const SELECTOR = { rpl: 3, table: 4 } as const;

export const isNull = (selector: number): boolean => (selector & ~SELECTOR.rpl) === 0;
/** A selector as an error code names it. */
export const named = (selector: number): number => selector & 0xfffc;

/** An entry of the GDT or an LDT, and where it stands. */
export class Descriptor {
  readonly selector: number;
  readonly linear: bigint;
  readonly low: number;
  readonly high: number;

  constructor(selector: number, linear: bigint, low: number, high: number) {
    this.selector = selector;
    this.linear = linear;
    this.low = low;
    this.high = high;
  }

  /** In the format of the VMCS. */
  get rights(): number {
    return (this.high >>> 8) & 0xf0ff;
  }

  get type(): number {
    return (this.high >>> 8) & 15;
  }

  get dpl(): number {
    return (this.high >>> 13) & 3;
  }

  get isPresent(): boolean {
    return (this.high & 0x8000) !== 0;
  }

  get isSystem(): boolean {
    return (this.high & 0x1000) === 0;
  }

  get isCode(): boolean {
    return (this.high & 0x1800) === 0x1800;
  }

  get isConforming(): boolean {
    return this.isCode && (this.rights & RIGHTS.conforming) !== 0;
  }

  get isReadable(): boolean {
    return !this.isSystem && (!this.isCode || (this.rights & RIGHTS.readWrite) !== 0);
  }

  get isWritable(): boolean {
    return !this.isSystem && !this.isCode && (this.rights & RIGHTS.readWrite) !== 0;
  }

  get isLong(): boolean {
    return (this.rights & RIGHTS.long) !== 0;
  }

  get isBig(): boolean {
    return (this.rights & RIGHTS.big) !== 0;
  }

  get base(): number {
    return ((this.low >>> 16) | ((this.high & 0xff) << 16) | (this.high & 0xff000000)) >>> 0;
  }

  /** Highest offset in bytes. */
  get limit(): number {
    const limit = (this.low & 0xffff) | (this.high & 0xf0000);
    return (this.rights & RIGHTS.granularity) !== 0 ? ((limit << 12) | 0xfff) >>> 0 : limit;
  }

  // As a gate (SDM Vol 3A, figure 6-2, figure 5-8).

  get gateSelector(): number {
    return this.low >>> 16;
  }

  get gateOffset(): number {
    return ((this.low & 0xffff) | (this.high & 0xffff0000)) >>> 0;
  }

  /** Parameters that a call gate copies, in units of its size. */
  get parameterCount(): number {
    return this.high & 31;
  }
}

const tableOf = (state: CpuState, selector: number): { readonly base: bigint; readonly limit: number } | undefined => {
  if ((selector & SELECTOR.table) === 0) return { base: state.gdtrBase, limit: state.gdtrLimit };
  // LDTR's rights hold nothing when it was loaded with a null selector.
  if ((state.segmentAccessRights(6) & RIGHTS.unusable) !== 0) return undefined;
  const base = (BigInt(state.segmentBaseHigh(6) >>> 0) << 32n) | BigInt(state.segmentBaseLow(6) >>> 0);
  return { base, limit: state.segmentLimit(6) };
};

/** The descriptor of a selector, or undefined beyond its table's limit or after a failed access (then `access.failed`). */
export function lookUp(access: SystemAccess, selector: number, bytes: 8 | 16 = 8): Descriptor | undefined {
  const table = tableOf(access.state, selector);
  const offset = selector & ~7;
  if (table === undefined || offset + bytes - 1 > table.limit) return undefined;
  const linear = wrapped(access.state, table.base + BigInt(offset));
  const value = access.readSystem(linear, 8);
  if (access.failed) return undefined;
  return new Descriptor(selector, linear, Number(value & 0xffffffffn), Number(value >> 32n));
}

/** The descriptor of a selector; beyond the table's limit an exception with the selector as error code. */
export function readDescriptor(
  access: SystemAccess,
  selector: number,
  vector: number = VECTOR.gp,
  external = 0,
): Descriptor | undefined {
  const descriptor = lookUp(access, selector);
  if (descriptor === undefined) access.raise(vector, named(selector) | external);
  return descriptor;
}

/** Bits 63:32 of the base or offset in the second half of a 16-byte descriptor. */
export function readUpperHalf(
  access: SystemAccess,
  descriptor: Descriptor,
): { readonly base: number; readonly type: number } {
  const value = access.readSystem(wrapped(access.state, descriptor.linear + 8n), 8);
  return { base: Number(value & 0xffffffffn), type: Number((value >> 40n) & 31n) };
}

/** Linear addresses have 32 bits outside IA-32e mode. */
export const wrapped = (state: CpuState, linear: bigint): bigint => BigInt.asUintN(state.isLongMode ? 64 : 32, linear);

/** Sets the accessed bit of a segment descriptor in memory, if it is clear. */
export function markAccessed(access: SystemAccess, descriptor: Descriptor): void {
  if ((descriptor.rights & RIGHTS.accessed) !== 0) return;
  access.writeSystem(descriptor.linear + 5n, 1, BigInt(((descriptor.high >>> 8) & 0xff) | RIGHTS.accessed));
}

/** Loads a segment register from a descriptor that has been checked. */
export function loadFrom(
  state: CpuState,
  register: number,
  selector: number,
  descriptor: Descriptor,
  baseHigh = 0,
): void {
  const accessed = descriptor.isSystem ? 0 : RIGHTS.accessed;
  state.setSegmentRaw(
    register,
    selector,
    descriptor.base | 0,
    baseHigh,
    descriptor.limit,
    descriptor.rights | accessed,
  );
}
