import { RFLAGS, SEGMENT } from "../context.ts";
import { DONE, isCanonical, type SystemAccess, VECTOR } from "./access.ts";
import {
  Descriptor,
  isNull,
  loadFrom,
  lookUp,
  markAccessed,
  named,
  SELECTOR,
  SYSTEM_TYPE,
  wrapped,
} from "./descriptor.ts";
import { hasResumeFlag, isSoftwareEvent } from "./event-type.ts";
import { type InnerStack, innerStack, longStack } from "./privilege-stack.ts";
import type { SegmentLoads } from "./segment-load.ts";
import { currentStack, StackFrame, stackBitsOf } from "./stack-frame.ts";
import type { TaskSwitch } from "./task-switch.ts";

export interface DeliveredEvent {
  readonly vector: number;
  readonly type: number;
  /** -1 for none. */
  readonly errorCode: number;
  /** What is pushed as the instruction pointer. */
  readonly returnRip: bigint;
}

interface Target {
  readonly selector: number;
  readonly descriptor: Descriptor;
  readonly offset: bigint;
  /** Bytes of what the gate pushes. */
  readonly size: 2 | 4 | 8;
  readonly clearsInterrupts: boolean;
  /** Interrupt-stack-table entry, 0 for none. */
  readonly stackEntry: number;
}

/** An error code's bit: the fault names the IDT. */
const IN_IDT = 2;

const CLEARED = RFLAGS.tf | RFLAGS.nt | RFLAGS.rf | RFLAGS.vm;
const DATA_SEGMENTS = [SEGMENT.gs, SEGMENT.fs, SEGMENT.ds, SEGMENT.es] as const;

/** Delivery of interrupts and exceptions (SDM Vol 3A, chapter 6; real mode: 21.1.4). Nothing has changed unless it returns DONE. */
export class EventDelivery {
  readonly #access: SystemAccess;
  readonly #loads: SegmentLoads;
  readonly #tasks: TaskSwitch;

  constructor(access: SystemAccess, loads: SegmentLoads, tasks: TaskSwitch) {
    this.#access = access;
    this.#loads = loads;
    this.#tasks = tasks;
  }

  deliver(event: DeliveredEvent): number {
    if (this.#access.state.isRealMode) return this.deliverReal(event.vector, event.returnRip);
    const { state } = this.#access;
    // The EXT bit: the event did not come from an INT n, INT3 or INTO of the program (SDM Vol 3A, 6.13).
    const isSoftware = isSoftwareEvent(event.type);
    const external = isSoftware ? 0 : 1;
    const name = event.vector * 8 + IN_IDT + external;
    const access = this.#access;
    const gateBytes = state.isLongMode ? 16 : 8;
    if (event.vector * gateBytes + gateBytes - 1 > state.idtrLimit) return access.generalProtection(name);
    const at = wrapped(state, state.idtrBase + BigInt(event.vector * gateBytes));
    const value = access.readSystem(at, 8);
    if (access.failed) return access.failure;
    const gate = new Descriptor(event.vector * 8, at, Number(value & 0xffffffffn), Number(value >> 32n));
    if (!gate.isSystem || !isGate(gate.type, state.isLongMode)) return access.generalProtection(name);
    if (isSoftware && gate.dpl < state.cpl) return access.generalProtection(name);
    if (!gate.isPresent) return access.raise(VECTOR.np, name);
    if (gate.type === SYSTEM_TYPE.taskGate)
      return this.#tasks.throughGate(gate, event, external, imageOf(state.rflagsNumber, event));
    const target = this.#target(gate, at, external);
    if (target === undefined) return access.failure;
    return this.#transfer(target, event, external);
  }

  /** Pushes FLAGS, CS and IP, and continues at the vector's entry of the table. */
  deliverReal(vector: number, returnRip: bigint): number {
    const access = this.#access;
    const { state } = access;
    if (vector * 4 + 3 > state.idtrLimit) return access.generalProtection();
    const entry = Number(access.readSystem(BigInt.asUintN(32, state.idtrBase + BigInt(vector * 4)), 4));
    const flags = state.rflagsNumber;
    const cs = state.segmentSelector(SEGMENT.cs);
    const pointer = access.push([BigInt(flags), BigInt(cs), returnRip], 2);
    if (access.failed) return access.failure;
    access.setStackPointer(pointer);
    state.rflagsNumber = flags & ~(RFLAGS.if | RFLAGS.tf | RFLAGS.ac | RFLAGS.rf);
    this.#loads.loadReal(SEGMENT.cs, entry >>> 16);
    state.ripNumber = entry & 0xffff;
    return DONE;
  }

  #target(gate: Descriptor, at: bigint, external: number): Target | undefined {
    const access = this.#access;
    const { state } = access;
    let offset = BigInt(gate.gateOffset);
    if (state.isLongMode) offset |= (access.readSystem(wrapped(state, at + 8n), 8) & 0xffffffffn) << 32n;
    const selector = gate.gateSelector;
    if (isNull(selector)) access.generalProtection(external);
    const descriptor = access.failed ? undefined : lookUp(access, selector);
    if (descriptor === undefined || !descriptor.isCode || descriptor.dpl > state.cpl) {
      access.generalProtection(named(selector) | external);
      return undefined;
    }
    if (state.isLongMode && (!descriptor.isLong || descriptor.isBig)) {
      access.generalProtection(named(selector) | external);
      return undefined;
    }
    if (!descriptor.isPresent) {
      access.raise(VECTOR.np, named(selector) | external);
      return undefined;
    }
    const is16 = gate.type === SYSTEM_TYPE.interruptGate16 || gate.type === SYSTEM_TYPE.trapGate16;
    return {
      selector,
      descriptor,
      offset: is16 ? offset & 0xffffn : offset,
      size: state.isLongMode ? 8 : is16 ? 2 : 4,
      clearsInterrupts: (gate.type & 1) === 0,
      stackEntry: state.isLongMode ? gate.high & 7 : 0,
    };
  }

  #transfer(target: Target, event: DeliveredEvent, external: number): number {
    const access = this.#access;
    const { state } = access;
    const { descriptor, size } = target;
    const fromV86 = state.isVirtual8086;
    const level = descriptor.isConforming ? state.cpl : descriptor.dpl;
    // From virtual-8086 mode only a nonconforming segment of level 0 can be entered.
    if (fromV86 && level !== 0) return access.generalProtection(named(target.selector) | external);
    const isInner = level < state.cpl;
    const inner = isInner || target.stackEntry !== 0 ? this.#newStack(target, level, isInner, external) : undefined;
    if (access.failed) return access.failure;
    const how = inner === undefined ? "guest" : "implicit";
    const bits = state.isLongMode ? 64 : stackBitsOf(state.segmentAccessRights(SEGMENT.ss));
    const frame = inner?.frame ?? new StackFrame(access, currentStack(state, bits, external), state.getRegister(RSP));
    // In IA-32e mode the frame begins at a multiple of 16 and holds SS and RSP always (SDM Vol 3A, 6.14.2).
    if (size === 8) frame.pointer &= ~15n;
    if (fromV86) for (const register of DATA_SEGMENTS) frame.push(BigInt(state.segmentSelector(register)), size);
    if (isInner || size === 8) {
      frame.push(BigInt(state.segmentSelector(SEGMENT.ss)), size, how);
      frame.push(state.getRegister(RSP), size, how);
    }
    const flags = state.rflagsNumber;
    frame.push(BigInt(imageOf(flags, event)), size, how);
    frame.push(BigInt(state.segmentSelector(SEGMENT.cs)), size, how);
    frame.push(event.returnRip, size, how);
    if (event.errorCode >= 0) frame.push(BigInt(event.errorCode), size, how);
    if (size === 8 ? !isCanonical(target.offset) : target.offset > BigInt(descriptor.limit))
      access.generalProtection(external);
    markAccessed(access, descriptor);
    if (access.failed) return access.failure;
    this.#enter(target, level, inner, frame, flags);
    return DONE;
  }

  /** The stack of an inner level or of the interrupt stack table. */
  #newStack(target: Target, level: number, isInner: boolean, external: number): InnerStack | undefined {
    const access = this.#access;
    if (!access.state.isLongMode) return innerStack(access, level, external);
    const from = target.stackEntry !== 0 ? { entry: target.stackEntry } : { level };
    const selector = isInner ? level : access.state.segmentSelector(SEGMENT.ss);
    return longStack(access, from, selector, external);
  }

  #enter(target: Target, level: number, inner: InnerStack | undefined, frame: StackFrame, flags: number): void {
    const { state } = this.#access;
    const isInner = level < state.cpl;
    const wasV86 = state.isVirtual8086;
    state.rflagsNumber = flags & ~(CLEARED | (target.clearsInterrupts ? RFLAGS.if : 0));
    if (wasV86) for (const register of DATA_SEGMENTS) this.#loads.loadNull(register, 0);
    loadFrom(state, SEGMENT.cs, (target.selector & ~SELECTOR.rpl) | level, target.descriptor);
    if (isInner && inner !== undefined) loadInnerStack(this.#access, inner, level);
    this.#access.setStackPointer(frame.pointer, frame.bits);
    state.rip = target.offset;
  }
}

const RSP = 4;

/** SS of an inner level: from its descriptor, or null in IA-32e mode. */
export function loadInnerStack(access: SystemAccess, inner: InnerStack, level: number): void {
  const { state } = access;
  if (inner.descriptor !== undefined) loadFrom(state, SEGMENT.ss, inner.selector, inner.descriptor);
  else state.setSegmentRaw(SEGMENT.ss, level, 0, 0, 0, NULL_STACK | (level << 5));
}

/** A null SS is unusable and keeps the privilege level as its DPL. */
const NULL_STACK = 1 << 16;

const { taskGate, interruptGate16, trapGate16, interruptGate32, trapGate32 } = SYSTEM_TYPE;
const LEGACY_GATES: readonly number[] = [taskGate, interruptGate16, trapGate16, interruptGate32, trapGate32];

const isGate = (type: number, isLongMode: boolean): boolean =>
  isLongMode ? type === interruptGate32 || type === trapGate32 : LEGACY_GATES.includes(type);

/** RFLAGS as pushed. */
const imageOf = (flags: number, event: DeliveredEvent): number =>
  hasResumeFlag(event.type, event.vector) ? flags | RFLAGS.rf : flags;
