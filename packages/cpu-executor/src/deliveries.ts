import { CONTEXT } from "./context.ts";
import type { SoftTlb } from "./soft-tlb.ts";
import type { CpuState } from "./state.ts";
import { STATUS } from "./status.ts";
import { STOP, type StopDetails } from "./stop.ts";
import { DONE, type SystemAccess, VECTOR } from "./system/access.ts";
import type { CommonDelivery } from "./system/common-delivery.ts";
import { combine } from "./system/double-fault.ts";
import { EVENT_TYPE } from "./system/event-type.ts";
import type { EventDelivery } from "./system/events.ts";

/** An event that is to be delivered. */
interface PendingEvent {
  readonly vector: number;
  /** EVENT_TYPE.*. */
  readonly type: number;
  /** -1: none. */
  readonly errorCode: number;
  readonly returnRip: bigint;
}

/** What deliveries need of the processor. */
interface DeliveryParts {
  readonly cpu: CpuState & { readonly exceptionBitmap: number; readonly stop: StopDetails };
  readonly tlb: SoftTlb;
  readonly access: SystemAccess;
  readonly events: EventDelivery;
  readonly common: CommonDelivery;
  readonly i32: Int32Array;
  /** A delivery would write decoded code: it is repeated when this has dropped that. */
  readonly codeWritten: () => void;
}

/** Not a STOP, which is 0 or more: the event has been delivered, and the guest goes on in its handler. */
export const DELIVERED = -1;

/**
 * Deliveries that each fault anew, more than the architecture can chain: where an alignment check fails the delivery of an
 * alignment check, a processor never comes out of it.
 */
const MOST_DELIVERIES = 8;

/** Brings exceptions and interrupts to the guest's handlers, or to whoever intercepts them. */
export class Deliveries {
  readonly #cpu: DeliveryParts["cpu"];
  readonly #tlb: SoftTlb;
  readonly #common: CommonDelivery;
  readonly #parts: DeliveryParts;
  constructor(parts: DeliveryParts) {
    this.#cpu = parts.cpu;
    this.#tlb = parts.tlb;
    this.#common = parts.common;
    this.#parts = parts;
  }

  /** What deliveries have taken of the budget since this was set to 0. */
  get count(): number {
    return this.#parts.i32[(this.#cpu.contextAddress + CONTEXT.deliveries) >> 2] as number;
  }

  set count(value: number) {
    this.#parts.i32[(this.#cpu.contextAddress + CONTEXT.deliveries) >> 2] = value;
  }

  /** run() stops at the exception. */
  isIntercepted(vector: number): boolean {
    return (this.#cpu.exceptionBitmap & (1 << vector)) !== 0;
  }

  /** An exception at the current instruction: a stop where it is intercepted, else delivered. */
  raise(vector: number, errorCode: number): number {
    if (this.isIntercepted(vector)) return this.stopAt(vector, errorCode);
    if (vector === VECTOR.pf) this.setFaultAddress();
    if (this.deliverCommon(vector, EVENT_TYPE.exception, errorCode)) {
      this.#take();
      return DELIVERED;
    }
    return this.deliver({ vector, type: EVENT_TYPE.exception, errorCode, returnRip: this.#cpu.rip }, "instruction");
  }

  /** STOP.exception, with what it is. */
  stopAt(vector: number, errorCode: number, type: number = EVENT_TYPE.exception): number {
    const { stop } = this.#cpu;
    stop.vector = vector;
    stop.errorCode = errorCode;
    stop.eventType = type;
    return STOP.exception;
  }

  /** CR2 of the page fault that the soft TLB has met last. */
  setFaultAddress(): void {
    this.#cpu.setCr2Pair(this.#tlb.faultLow, this.#tlb.faultHigh);
  }

  /** Delivers an event that returns to RIP, where that is the common case. */
  deliverCommon(vector: number, type: number, errorCode: number): boolean {
    const cpu = this.#cpu;
    if (!this.#common.deliver(vector, type, errorCode, cpu.ripLow, cpu.ripHigh)) return false;
    cpu.interruptShadow = 0;
    return true;
  }

  /**
   * Delivers an event, and what its delivery raises in its place. `failure` is what becomes of a failed delivery while #DF is
   * intercepted: "instruction" stops with the event itself, whose delivery the caller repeats; "report" with what
   * went wrong.
   */
  deliver(first: PendingEvent, failure: "instruction" | "report"): number {
    const cpu = this.#cpu;
    const { stop } = cpu;
    const callerDecides = this.isIntercepted(VECTOR.df);
    const fault = first.vector === VECTOR.pf && failure === "instruction" ? this.#tlb.pageFault() : undefined;
    let event = first;
    for (let i = 0; i < MOST_DELIVERIES; i++) {
      if (event.vector === VECTOR.pf && event.type === EVENT_TYPE.exception && failure === "instruction")
        this.setFaultAddress();
      const status = this.#deliverOnce(event);
      if (status === DONE) {
        cpu.interruptShadow = 0;
        if (failure === "instruction") {
          // INT3 and its like have happened; an exception in the place of one is a delivery as any other.
          if (event === first && first.type > EVENT_TYPE.exception) cpu.budgetLeft--;
          else this.#take();
        }
        return DELIVERED;
      }
      if (callerDecides && failure === "instruction" && event.type !== EVENT_TYPE.softwareInterrupt) {
        // The caller asks the Mmu where the fault was.
        if (fault !== undefined) this.#tlb.reportAgain(fault);
        return this.stopAt(first.vector, first.errorCode, first.type);
      }
      if (status === STATUS.stopped && stop.kind !== STOP.exception) return stop.kind;
      const isSlow = status === STATUS.stopped;
      const vector = isSlow ? stop.vector : (this.#parts.i32[(cpu.contextAddress + CONTEXT.stopDetail) >> 2] as number);
      const errorCode = isSlow ? stop.errorCode : this.#parts.access.errorCode;
      if (event.vector === VECTOR.df && event.type === EVENT_TYPE.exception) return STOP.shutdown;
      if (callerDecides) return this.stopAt(vector, errorCode);
      if (vector === VECTOR.pf) this.setFaultAddress();
      const next = combine(event.type === EVENT_TYPE.exception ? event.vector : -1, vector);
      if (next === VECTOR.df) event = { ...event, vector: next, type: EVENT_TYPE.exception, errorCode: 0 };
      else event = { vector, type: EVENT_TYPE.exception, errorCode, returnRip: cpu.rip };
      if (cpu.isRealMode) event = { ...event, errorCode: -1 };
    }
    return STOP.shutdown;
  }

  #deliverOnce(event: PendingEvent): number {
    const { access, events, codeWritten } = this.#parts;
    for (;;) {
      access.begin();
      const status = events.deliver(event);
      if (status !== STATUS.codeWrite) return status;
      codeWritten();
    }
  }

  /** A delivery takes one from the budget, so that no guest can fault for ever, and is no instruction. */
  #take(): void {
    this.#cpu.budgetLeft--;
    this.count++;
  }
}
