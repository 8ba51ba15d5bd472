import { SEGMENT } from "../context.ts";
import { DONE, isCanonical, type SystemAccess, VECTOR } from "./access.ts";
import {
  type Descriptor,
  isNull,
  loadFrom,
  lookUp,
  markAccessed,
  named,
  readDescriptor,
  readUpperHalf,
  SELECTOR,
  SYSTEM_TYPE,
} from "./descriptor.ts";
import { loadInnerStack } from "./events.ts";
import { hideInnerSegments } from "./outer-level.ts";
import { type InnerStack, innerStack, longStack } from "./privilege-stack.ts";
import type { SegmentLoads } from "./segment-load.ts";
import { stackBitsOf } from "./stack-frame.ts";
import type { TaskSwitch } from "./task-switch.ts";

const RSP = 4;

export type FarTransferKind = "jump" | "call";

/** Far JMP, CALL and RET (SDM Vol 2A, 2B; Vol 3A, 5.8). */
export class FarTransfers {
  readonly #access: SystemAccess;
  readonly #loads: SegmentLoads;
  readonly #tasks: TaskSwitch;

  constructor(access: SystemAccess, loads: SegmentLoads, tasks: TaskSwitch) {
    this.#access = access;
    this.#loads = loads;
    this.#tasks = tasks;
  }

  /** `next`: instruction pointer behind the instruction. */
  execute(record: number, kind: FarTransferKind, next: bigint): number {
    const access = this.#access;
    const { state } = access;
    const bytes = access.operandBytes(record);
    let offset = BigInt.asUintN(bytes * 8, BigInt(access.immediate(record)));
    let selector = access.immediate2(record) & 0xffff;
    if (access.rm(record) < 0) {
      offset = access.readOperand(record, bytes);
      selector = Number(access.readOperand(record, 2, bytes));
    }
    if (access.failed) return access.failure;
    if (state.isRealMode || state.isVirtual8086) return this.#real(kind, bytes, selector, offset, next);
    return this.#protected(kind, bytes, selector, offset, next);
  }

  #real(kind: FarTransferKind, bytes: number, selector: number, offset: bigint, next: bigint): number {
    const access = this.#access;
    const { state } = access;
    if (offset > BigInt(state.segmentLimit(SEGMENT.cs))) return access.generalProtection();
    if (kind === "call") {
      const pointer = access.push([BigInt(state.segmentSelector(SEGMENT.cs)), next], bytes);
      if (access.failed) return access.failure;
      access.setStackPointer(pointer);
    }
    this.#loads.loadReal(SEGMENT.cs, selector);
    state.rip = offset;
    return DONE;
  }

  #protected(kind: FarTransferKind, bytes: number, selector: number, offset: bigint, next: bigint): number {
    const access = this.#access;
    if (isNull(selector)) return access.generalProtection(0);
    const descriptor = readDescriptor(access, selector);
    if (descriptor === undefined) return access.failure;
    if (descriptor.isSystem) return this.#system(kind, descriptor, next);
    const { cpl } = access.state;
    const isAllowed = descriptor.isConforming
      ? descriptor.dpl <= cpl
      : (selector & SELECTOR.rpl) <= cpl && descriptor.dpl === cpl;
    if (!isAllowed || !this.#isCode(descriptor)) return access.generalProtection(named(selector));
    if (!descriptor.isPresent) return access.raise(VECTOR.np, named(selector));
    return this.#transfer(kind, bytes, descriptor, offset, next);
  }

  /** A code segment; one with both L and D set does not exist in IA-32e mode. */
  #isCode(descriptor: Descriptor): boolean {
    return descriptor.isCode && !(this.#access.state.isLongMode && descriptor.isLong && descriptor.isBig);
  }

  /** To a code segment of the same privilege. */
  #transfer(kind: FarTransferKind, bytes: number, descriptor: Descriptor, offset: bigint, next: bigint): number {
    const access = this.#access;
    const { state } = access;
    let pointer = 0n;
    if (kind === "call") pointer = access.push([BigInt(state.segmentSelector(SEGMENT.cs)), next], bytes);
    this.#checkTarget(descriptor, offset);
    markAccessed(access, descriptor);
    if (access.failed) return access.failure;
    if (kind === "call") access.setStackPointer(pointer);
    loadFrom(state, SEGMENT.cs, (descriptor.selector & ~SELECTOR.rpl) | state.cpl, descriptor);
    state.rip = offset;
    return DONE;
  }

  #checkTarget(descriptor: Descriptor, offset: bigint): void {
    const is64 = this.#access.state.isLongMode && descriptor.isLong;
    if (is64 ? !isCanonical(offset) : offset > BigInt(descriptor.limit)) this.#access.generalProtection(0);
  }

  /** Call gates, task gates and TSSs. */
  #system(kind: FarTransferKind, descriptor: Descriptor, next: bigint): number {
    const access = this.#access;
    const { state } = access;
    const { type, selector } = descriptor;
    const isLegacy = !state.isLongMode;
    const isGate = type === SYSTEM_TYPE.callGate32 || (isLegacy && type === SYSTEM_TYPE.callGate16);
    const isTask = isLegacy && (type === SYSTEM_TYPE.tss16 || type === SYSTEM_TYPE.tss32);
    const isTaskGate = isLegacy && type === SYSTEM_TYPE.taskGate;
    if (!isGate && !isTask && !isTaskGate) return access.generalProtection(named(selector));
    if (descriptor.dpl < Math.max(state.cpl, selector & SELECTOR.rpl)) return access.generalProtection(named(selector));
    if (isTask && (selector & SELECTOR.table) !== 0) return access.generalProtection(named(selector));
    if (!descriptor.isPresent) return access.raise(VECTOR.np, named(selector));
    if (isTask) return this.#tasks.switchTo(descriptor, kind, next, 0);
    if (isTaskGate) return this.#tasks.byGate(descriptor, kind, next);
    return this.#throughGate(kind, descriptor, next);
  }

  #throughGate(kind: FarTransferKind, gate: Descriptor, next: bigint): number {
    const access = this.#access;
    const { state } = access;
    let offset = BigInt(gate.gateOffset);
    if (state.isLongMode) {
      // The gate takes two entries, and the type field of the second must be 0.
      if (lookUp(access, gate.selector, 16) === undefined) return access.generalProtection(named(gate.selector));
      const upper = readUpperHalf(access, gate);
      if (upper.type !== 0) return access.generalProtection(named(gate.selector));
      offset |= BigInt(upper.base) << 32n;
    }
    const selector = gate.gateSelector;
    if (isNull(selector)) return access.generalProtection(0);
    const target = readDescriptor(access, selector);
    if (target === undefined) return access.failure;
    const { cpl } = state;
    const isLevel = kind === "jump" && !target.isConforming ? target.dpl === cpl : target.dpl <= cpl;
    const isMode = !state.isLongMode || (target.isLong && !target.isBig);
    if (!target.isCode || !isLevel || !isMode) return access.generalProtection(named(selector));
    if (!target.isPresent) return access.raise(VECTOR.np, named(selector));
    const bytes = state.isLongMode ? 8 : gate.type === SYSTEM_TYPE.callGate32 ? 4 : 2;
    if (bytes === 2) offset &= 0xffffn;
    if (kind === "call" && !target.isConforming && target.dpl < cpl)
      return this.#inward(gate, target, offset, bytes, next);
    return this.#transfer(kind, bytes, target, offset, next);
  }

  /** A call to an inner level: new stack, the old one's pointer and the parameters on it. */
  #inward(gate: Descriptor, target: Descriptor, offset: bigint, bytes: 2 | 4 | 8, next: bigint): number {
    const access = this.#access;
    const { state } = access;
    const level = target.dpl;
    const inner: InnerStack | undefined =
      bytes === 8 ? longStack(access, { level }, level, 0) : innerStack(access, level, 0);
    if (inner === undefined) return access.failure;
    const { frame } = inner;
    const parameters: bigint[] = [];
    const count = bytes === 8 ? 0 : gate.parameterCount;
    for (let i = 0; i < count; i++) parameters.push(access.peek(i * bytes, bytes));
    frame.push(BigInt(state.segmentSelector(SEGMENT.ss)), bytes);
    frame.push(state.getRegister(RSP), bytes);
    for (const value of parameters.reverse()) frame.push(value, bytes);
    frame.push(BigInt(state.segmentSelector(SEGMENT.cs)), bytes);
    frame.push(next, bytes);
    this.#checkTarget(target, offset);
    markAccessed(access, target);
    if (access.failed) return access.failure;
    loadFrom(state, SEGMENT.cs, (target.selector & ~SELECTOR.rpl) | level, target);
    loadInnerStack(access, inner, level);
    access.setStackPointer(frame.pointer, frame.bits);
    state.rip = offset;
    return DONE;
  }

  /** RETF; the immediate frees that many bytes of parameters. */
  returnFar(record: number, freed: number): number {
    const access = this.#access;
    const { state } = access;
    const bytes = access.operandBytes(record);
    const offset = access.peek(0, bytes);
    const selector = Number(access.peek(bytes, bytes) & 0xffffn);
    if (access.failed) return access.failure;
    if (state.isRealMode || state.isVirtual8086) {
      if (offset > BigInt(state.segmentLimit(SEGMENT.cs))) return access.generalProtection();
      access.setStackPointer(access.stackPointer + BigInt(2 * bytes + freed));
      this.#loads.loadReal(SEGMENT.cs, selector);
      state.rip = offset;
      return DONE;
    }
    const target = this.returnTarget(selector, offset);
    if (target === undefined) return access.failure;
    const level = selector & SELECTOR.rpl;
    if (level === state.cpl) {
      markAccessed(access, target);
      if (access.failed) return access.failure;
      access.setStackPointer(access.stackPointer + BigInt(2 * bytes + freed));
      loadFrom(state, SEGMENT.cs, selector, target);
      state.rip = offset;
      return DONE;
    }
    const pointer = access.peek(2 * bytes + freed, bytes);
    const stackSelector = Number(access.peek(3 * bytes + freed, bytes) & 0xffffn);
    return this.returnOutward(target, offset, pointer, stackSelector, freed);
  }

  /** The code segment that RETF or IRET returns to, checked; undefined after a fault. */
  returnTarget(selector: number, offset: bigint): Descriptor | undefined {
    const access = this.#access;
    if (isNull(selector)) {
      access.generalProtection(0);
      return undefined;
    }
    const target = readDescriptor(access, selector);
    if (target === undefined) return undefined;
    const level = selector & SELECTOR.rpl;
    const isAllowed = target.isConforming ? target.dpl <= level : target.dpl === level;
    if (!this.#isCode(target) || level < access.state.cpl || !isAllowed) {
      access.generalProtection(named(selector));
      return undefined;
    }
    if (!target.isPresent) access.raise(VECTOR.np, named(selector));
    this.#checkTarget(target, offset);
    return access.failed ? undefined : target;
  }

  /** The rest of a return that takes its stack from the frame: to an outer level, or IRETQ to any. */
  returnOutward(target: Descriptor, offset: bigint, pointer: bigint, stackSelector: number, freed: number): number {
    const access = this.#access;
    const { state } = access;
    const level = target.selector & SELECTOR.rpl;
    const isOutward = level !== state.cpl;
    const to64 = state.isLongMode && target.isLong;
    const stack = this.#outerStack(stackSelector, level, to64);
    if (access.failed) return access.failure;
    markAccessed(access, target);
    if (stack !== undefined) markAccessed(access, stack);
    if (access.failed) return access.failure;
    loadFrom(state, SEGMENT.cs, target.selector, target);
    if (stack !== undefined) loadFrom(state, SEGMENT.ss, stackSelector, stack);
    else state.setSegmentRaw(SEGMENT.ss, stackSelector, 0, 0, 0, (1 << 16) | (level << 5));
    const bits = to64 ? 64 : stackBitsOf(state.segmentAccessRights(SEGMENT.ss));
    access.setStackPointer(pointer + BigInt(freed), bits);
    state.rip = offset;
    if (isOutward) hideInnerSegments(state, level);
    return DONE;
  }

  #outerStack(selector: number, level: number, to64: boolean): Descriptor | undefined {
    const access = this.#access;
    if (access.failed) return undefined;
    if (isNull(selector)) {
      if (!to64 || level === 3) access.generalProtection(0);
      return undefined;
    }
    const stack = readDescriptor(access, selector);
    if (stack === undefined) return undefined;
    if ((selector & SELECTOR.rpl) !== level || stack.dpl !== level || !stack.isWritable) {
      access.generalProtection(named(selector));
      return undefined;
    }
    if (!stack.isPresent) access.raise(VECTOR.ss, named(selector));
    return stack;
  }
}
