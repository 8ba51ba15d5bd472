import { RFLAGS, SEGMENT } from "../context.ts";
import { restoreRegisters, saveRegisters } from "../snapshot.ts";
import { INTERCEPT, STOP, type StopDetails, TASK_SOURCE } from "../stop.ts";
import { DONE, type SystemAccess, VECTOR } from "./access.ts";
import { CONTROL_WRITE, type ControlRegisters, failControlWrite } from "./control-registers.ts";
import {
  type Descriptor,
  isNull,
  loadFrom,
  lookUp,
  markAccessed,
  named,
  RIGHTS,
  SELECTOR,
  SYSTEM_TYPE,
} from "./descriptor.ts";
import type { DeliveredEvent } from "./events.ts";
import type { SegmentLoads } from "./segment-load.ts";

/** How a task switch comes about; it decides what happens to the busy bits, NT and the back link (SDM Vol 3A, table 7-2). */
export type TaskSwitchCause = "jump" | "call" | "return";

const CR0_TS = 8;
const CR0_PG = 0x80000000;
const BUSY = 2;
const TSS_32_BIT = 8;
const LOWEST_LIMIT_32 = 0x67;
const LOWEST_LIMIT_16 = 0x2b;
const FLAGS_32 = 0x3f7fd5;
const FLAGS_16 = 0x7fd5;
const SELECTOR_ORDER = [SEGMENT.es, SEGMENT.cs, SEGMENT.ss, SEGMENT.ds, SEGMENT.fs, SEGMENT.gs] as const;
/** Data segments in the order in which a new task's are loaded, LDTR, SS and CS before them. */
const DATA_ORDER = [SEGMENT.ds, SEGMENT.es, SEGMENT.fs, SEGMENT.gs] as const;

/** Where the two formats of a TSS keep their fields (SDM Vol 3A, figures 7-2, 7-10). */
const LAYOUT = {
  wide: {
    bytes: 4,
    cr3: 0x1c,
    eip: 0x20,
    flags: 0x24,
    registers: 0x28,
    selectors: 0x48,
    selectorStep: 4,
    count: 6,
    ldt: 0x60,
  },
  narrow: {
    bytes: 2,
    cr3: -1,
    eip: 0x0e,
    flags: 0x10,
    registers: 0x12,
    selectors: 0x22,
    selectorStep: 2,
    count: 4,
    ldt: 0x2a,
  },
} as const;

const SOURCES: Readonly<Record<TaskSwitchCause, number>> = {
  call: TASK_SOURCE.call,
  return: TASK_SOURCE.iret,
  jump: TASK_SOURCE.jmp,
};
const CAUSES: readonly TaskSwitchCause[] = ["call", "return", "jump", "call"];

/** Where a task switch finds out whether it stops, and says what it was. */
export interface TaskIntercepts {
  readonly intercepts: Uint8Array;
  readonly stop: StopDetails;
}

type Layout = (typeof LAYOUT)["wide"] | (typeof LAYOUT)["narrow"];

interface Switch {
  readonly cause: TaskSwitchCause;
  /** Where the outgoing task will continue, and its flags. */
  readonly next: bigint;
  readonly flags: number;
  /** The EXT bit of error codes. */
  readonly external: number;
}

interface Image {
  readonly cr3: bigint;
  readonly eip: number;
  readonly flags: number;
  readonly registers: readonly number[];
  readonly selectors: readonly number[];
  readonly ldt: number;
  readonly debugTrap: boolean;
}

/** Hardware task switches (SDM Vol 3A, chapter 7). */
export class TaskSwitch {
  readonly #access: SystemAccess;
  readonly #loads: SegmentLoads;
  readonly #control: ControlRegisters;
  readonly #intercepts: TaskIntercepts;
  readonly #translationChanged: () => void;
  readonly #trap: () => void;

  /** `trap`: the new task's TSS asks for a debug trap before its first instruction. */
  constructor(
    access: SystemAccess,
    loads: SegmentLoads,
    control: ControlRegisters,
    intercepts: TaskIntercepts,
    translationChanged: () => void,
    trap: () => void,
  ) {
    this.#access = access;
    this.#loads = loads;
    this.#control = control;
    this.#intercepts = intercepts;
    this.#translationChanged = translationChanged;
    this.#trap = trap;
  }

  /** An event through a task gate, with the flags that the old task is left with; what follows the switch is a fault of the new task. */
  throughGate(gate: Descriptor, event: DeliveredEvent, external: number, flags: number): number {
    const access = this.#access;
    const descriptor = this.#taskDescriptor(gate.gateSelector, external);
    if (descriptor === undefined) return access.failure;
    if (this.#isTooShort(descriptor)) return access.raise(VECTOR.ts, named(descriptor.selector) | external);
    if (this.#isIntercepted()) {
      // RF is saved as the old task would have it (SDM Vol 3C, 27.3.3).
      access.state.rflagsNumber = flags;
      return this.#stop(descriptor, TASK_SOURCE.gate);
    }
    return this.#switch(descriptor, { cause: "call", next: event.returnRip, external, flags }, event.errorCode);
  }

  /** The available TSS that a task gate or an event names; #GP, #NP otherwise. */
  #taskDescriptor(selector: number, external: number): Descriptor | undefined {
    const access = this.#access;
    const descriptor = (selector & SELECTOR.table) === 0 ? lookUp(access, selector) : undefined;
    const isTask = descriptor?.isSystem === true && (descriptor.type & 7) === SYSTEM_TYPE.tss16;
    if (descriptor === undefined || !isTask) {
      access.generalProtection(named(selector) | external);
      return undefined;
    }
    if (!descriptor.isPresent) {
      access.raise(VECTOR.np, named(selector) | external);
      return undefined;
    }
    return descriptor;
  }

  /** Far JMP or CALL through a task gate. */
  byGate(gate: Descriptor, cause: TaskSwitchCause, next: bigint): number {
    const descriptor = this.#taskDescriptor(gate.gateSelector, 0);
    return descriptor === undefined ? this.#access.failure : this.switchTo(descriptor, cause, next, 0);
  }

  /** IRET with NT set: back to the task that the current TSS links to. */
  backToLink(next: bigint): number {
    const access = this.#access;
    const link = Number(access.readSystem(this.#base(), 2));
    if (access.failed) return access.failure;
    const descriptor = (link & SELECTOR.table) === 0 ? lookUp(access, link) : undefined;
    const isBusy = descriptor?.isSystem === true && (descriptor.type & 7) === SYSTEM_TYPE.busyTss16;
    if (descriptor === undefined || !isBusy) return access.raise(VECTOR.ts, named(link));
    if (!descriptor.isPresent) return access.raise(VECTOR.np, named(link));
    return this.switchTo(descriptor, "return", next, 0);
  }

  #base(): bigint {
    return BigInt(this.#access.state.segmentBaseLow(SEGMENT.tr) >>> 0);
  }

  /** `next` is where the outgoing task will continue. */
  switchTo(descriptor: Descriptor, cause: TaskSwitchCause, next: bigint, external: number): number {
    if (this.#isTooShort(descriptor)) return this.#access.raise(VECTOR.ts, named(descriptor.selector) | external);
    if (this.#isIntercepted()) return this.#stop(descriptor, SOURCES[cause]);
    return this.#switch(descriptor, { cause, next, external, flags: this.#leftFlags(cause) }, -1);
  }

  /** A switch that was intercepted, for who intercepted it; `errorCode` of the event that it delivers, -1 for none. */
  resume(selector: number, source: number, next: bigint, external: number, errorCode: number): number {
    const access = this.#access;
    const descriptor = lookUp(access, selector);
    if (descriptor === undefined) return access.failed ? access.failure : access.generalProtection(named(selector));
    const cause = CAUSES[source] ?? "call";
    return this.#switch(descriptor, { cause, next, external, flags: this.#leftFlags(cause) }, errorCode);
  }

  /** The flags that the old task is left with. */
  #leftFlags(cause: TaskSwitchCause): number {
    const { rflagsNumber } = this.#access.state;
    return cause === "return" ? rflagsNumber & ~RFLAGS.nt : rflagsNumber;
  }

  #isIntercepted(): boolean {
    return this.#intercepts.intercepts[INTERCEPT.taskSwitch] !== 0;
  }

  #stop(descriptor: Descriptor, source: number): number {
    const { stop } = this.#intercepts;
    stop.taskSelector = descriptor.selector;
    stop.taskSource = source;
    return this.#access.stop(STOP.taskSwitch);
  }

  #isTooShort(descriptor: Descriptor): boolean {
    return descriptor.limit < ((descriptor.type & TSS_32_BIT) !== 0 ? LOWEST_LIMIT_32 : LOWEST_LIMIT_16);
  }

  /**
   * A fault in the new task leaves it entered; what is no fault (a page that the hypervisor must provide, a write to decoded
   * code) takes everything back, for the switch to be repeated.
   */
  #switch(descriptor: Descriptor, how: Switch, errorCode: number): number {
    const access = this.#access;
    const { cause } = how;
    const { state } = access;
    const before = saveRegisters(state);
    const old = lookUp(access, state.segmentSelector(SEGMENT.tr));
    let status = this.#enter(descriptor, how);
    if (status === DONE && errorCode >= 0) status = this.#pushErrorCode(errorCode);
    if (status === DONE || !access.mustRepeat) return status;
    restoreRegisters(state, before);
    this.#translationChanged();
    access.begin();
    if (cause !== "return") this.#setBusy(descriptor, 0);
    if (cause !== "call" && old !== undefined) this.#setBusy(old, BUSY);
    return status;
  }

  #pushErrorCode(errorCode: number): number {
    const access = this.#access;
    const bytes = (access.state.segmentAccessRights(SEGMENT.tr) & TSS_32_BIT) !== 0 ? 4 : 2;
    const pointer = access.push([BigInt(errorCode)], bytes);
    if (access.failed) return access.failure;
    access.setStackPointer(pointer);
    return DONE;
  }

  #enter(descriptor: Descriptor, { cause, next, external, flags }: Switch): number {
    const access = this.#access;
    const { state } = access;
    const isWide = (descriptor.type & TSS_32_BIT) !== 0;
    const layout = isWide ? LAYOUT.wide : LAYOUT.narrow;
    const image = this.#read(BigInt(descriptor.base), layout);
    const outgoing = state.segmentSelector(SEGMENT.tr);
    const old = lookUp(access, outgoing);
    this.#save(next, flags);
    // Busy is taken from the task that is left for good, and given to the one that is entered.
    if (cause !== "call" && old !== undefined) this.#setBusy(old, 0);
    if (cause !== "return") this.#setBusy(descriptor, BUSY);
    if (cause === "call") access.writeSystem(BigInt(descriptor.base), 2, BigInt(outgoing));
    if (access.failed) return access.failure;
    this.#load(descriptor, image, cause);
    const loaded = isWide ? this.#control.loadTaskPdptes() : CONTROL_WRITE.done;
    if (loaded !== CONTROL_WRITE.done) return failControlWrite(access, loaded);
    return this.#loadSegments(image, external);
  }

  #setBusy(descriptor: Descriptor, busy: number): void {
    const type = ((descriptor.high >>> 8) & 0xff & ~BUSY) | busy;
    this.#access.writeSystem(descriptor.linear + 5n, 1, BigInt(type));
  }

  #read(base: bigint, layout: Layout): Image {
    const access = this.#access;
    const field = (at: number, bytes: number = layout.bytes): number =>
      Number(access.readSystem(BigInt.asUintN(32, base + BigInt(at)), bytes));
    return {
      cr3: layout.cr3 < 0 ? access.state.cr3 : BigInt(field(layout.cr3)),
      eip: field(layout.eip),
      flags: field(layout.flags),
      registers: Array.from({ length: 8 }, (_, i) => field(layout.registers + i * layout.bytes)),
      selectors: SELECTOR_ORDER.map((_, i) =>
        i < layout.count ? field(layout.selectors + i * layout.selectorStep, 2) : 0,
      ),
      ldt: field(layout.ldt, 2),
      debugTrap: layout.bytes === 4 && (field(0x64, 2) & 1) !== 0,
    };
  }

  #save(next: bigint, flags: number): void {
    const access = this.#access;
    const { state } = access;
    const isWide = (state.segmentAccessRights(SEGMENT.tr) & TSS_32_BIT) !== 0;
    const layout = isWide ? LAYOUT.wide : LAYOUT.narrow;
    const base = this.#base();
    const field = (at: number, value: bigint, bytes: number = layout.bytes): void =>
      access.writeSystem(BigInt.asUintN(32, base + BigInt(at)), bytes, value);
    field(layout.eip, next);
    field(layout.flags, BigInt(flags));
    for (let i = 0; i < 8; i++) field(layout.registers + i * layout.bytes, state.getRegister(i));
    SELECTOR_ORDER.slice(0, layout.count).forEach((register, i) => {
      field(layout.selectors + i * layout.selectorStep, BigInt(state.segmentSelector(register)), 2);
    });
  }

  #load(descriptor: Descriptor, image: Image, cause: TaskSwitchCause): void {
    const { state } = this.#access;
    const isWide = (descriptor.type & TSS_32_BIT) !== 0;
    state.cr0 = (state.cr0 | CR0_TS) >>> 0;
    if ((state.cr0 & CR0_PG) !== 0 && isWide) {
      state.cr3 = image.cr3;
      this.#translationChanged();
    }
    const rights = descriptor.rights | BUSY;
    state.setSegmentRaw(SEGMENT.tr, descriptor.selector, descriptor.base | 0, 0, descriptor.limit, rights);
    const nested = cause === "call" ? RFLAGS.nt : 0;
    state.rflagsNumber = (image.flags & (isWide ? FLAGS_32 : FLAGS_16)) | nested;
    image.registers.forEach((value, register) => {
      state.setRegister(register, BigInt(isWide ? value : (value | 0xffff0000) >>> 0));
    });
    state.ripNumber = image.eip;
    state.dr7 &= ~0x155;
    if (image.debugTrap) this.#trap();
    // Until each is loaded a register holds its selector and nothing else.
    SELECTOR_ORDER.forEach((register, i) => {
      state.setSegmentRaw(register, image.selectors[i] as number, 0, 0, 0, RIGHTS.unusable);
    });
    state.setSegmentRaw(SEGMENT.ldtr, image.ldt, 0, 0, 0, RIGHTS.unusable);
    // SS.DPL is the privilege level: the new task's, from the selector of its code.
    const level = state.isVirtual8086 ? 3 : (image.selectors[1] as number) & SELECTOR.rpl;
    state.setSegmentRaw(SEGMENT.ss, image.selectors[2] as number, 0, 0, 0, RIGHTS.unusable | (level << 5));
  }

  /** The new task's segments; what is wrong with them is #TS, #NP or #SS in the new task. */
  #loadSegments(image: Image, external: number): number {
    const access = this.#access;
    const { state } = access;
    const invalid = (selector: number): number => access.raise(VECTOR.ts, named(selector) | external);
    if (!isNull(image.ldt)) {
      const ldt = (image.ldt & SELECTOR.table) === 0 ? lookUp(access, image.ldt) : undefined;
      if (ldt === undefined || !ldt.isSystem || ldt.type !== SYSTEM_TYPE.ldt || !ldt.isPresent)
        return invalid(image.ldt);
      loadFrom(state, SEGMENT.ldtr, image.ldt, ldt);
    }
    if (state.isVirtual8086) {
      SELECTOR_ORDER.forEach((register, i) => {
        this.#loads.loadReal(register, image.selectors[i] as number);
      });
      return DONE;
    }
    const level = state.cpl;
    const stack = this.#segment(image.selectors[2] as number, external);
    if (stack === undefined) return access.failure;
    if (stack.dpl !== level || (stack.selector & SELECTOR.rpl) !== level || !stack.isWritable)
      return invalid(stack.selector);
    if (!stack.isPresent) return access.raise(VECTOR.ss, named(stack.selector) | external);
    this.#loadChecked(SEGMENT.ss, stack);
    const code = this.#segment(image.selectors[1] as number, external);
    if (code === undefined) return access.failure;
    if (!code.isCode || (code.isConforming ? code.dpl > level : code.dpl !== level)) return invalid(code.selector);
    if (!code.isPresent) return access.raise(VECTOR.np, named(code.selector) | external);
    this.#loadChecked(SEGMENT.cs, code);
    for (const register of DATA_ORDER) {
      const selector = state.segmentSelector(register);
      if (isNull(selector)) continue;
      const data = this.#segment(selector, external);
      if (data === undefined) return access.failure;
      const most = Math.max(level, selector & SELECTOR.rpl);
      if (!data.isReadable || (!data.isConforming && data.dpl < most)) return invalid(selector);
      if (!data.isPresent) return access.raise(VECTOR.np, named(selector) | external);
      this.#loadChecked(register, data);
    }
    if (access.failed) return access.failure;
    return state.ripNumber > state.segmentLimit(SEGMENT.cs) ? access.generalProtection(external) : DONE;
  }

  #segment(selector: number, external: number): Descriptor | undefined {
    const descriptor = isNull(selector) ? undefined : lookUp(this.#access, selector);
    if (descriptor === undefined) this.#access.raise(VECTOR.ts, named(selector) | external);
    return descriptor;
  }

  #loadChecked(register: number, descriptor: Descriptor): void {
    markAccessed(this.#access, descriptor);
    if (!this.#access.failed) loadFrom(this.#access.state, register, descriptor.selector, descriptor);
  }
}
