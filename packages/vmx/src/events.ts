import { STOP } from "@likex/cpu-executor";
import { ACTIVITY_STATE, INTERRUPTION_INFO, INTERRUPTION_TYPE } from "./controls.ts";
import type { Exits } from "./exits.ts";
import { type Guest, OUTCOME } from "./guest.ts";
import { EXIT_REASON, VECTOR } from "./numbers.ts";
import type { VmxEvent } from "./processor.ts";
import { VMCS_OFFSET as F } from "./vmcs-fields.ts";

/** Contributory exceptions: #DE #TS #NP #SS #GP (SDM Vol 3A, table "Interrupt and Exception Classes"). */
const CONTRIBUTORY = (1 << 0) | (1 << VECTOR.ts) | (1 << VECTOR.np) | (1 << VECTOR.ss) | (1 << VECTOR.gp);
const isContributory = (vector: number): boolean => (CONTRIBUTORY & (1 << vector)) !== 0;
/** DR6 bits that a debug exception's exit qualification has: B3:B0, BD, BS. */
const DEBUG_QUALIFICATION = 0x600f;
/** Deliveries that each fault anew; more than the architecture can chain. */
const MOST_DELIVERIES = 8;

/** Exceptions and injected events: intercepted, or delivered through the guest's vector table. */
export class Events {
  readonly #guest: Guest;
  readonly #exits: Exits;
  readonly #event: VmxEvent = { vector: 0, type: 0, errorCode: -1, instructionLength: 0 };

  constructor(guest: Guest, exits: Exits) {
    this.#guest = guest;
    this.#exits = exits;
  }

  /** An exception that the guest's instruction raised, length in bytes of a software exception's instruction. */
  raise(
    vector: number,
    errorCode: number,
    instructionLength: number,
    type: number = INTERRUPTION_TYPE.hardwareException,
  ): number {
    // INT n is no exception: it comes here when its delivery fails, which is repeated for what follows from that.
    if (type === INTERRUPTION_TYPE.softwareInterrupt) return this.deliver(vector, type, -1, instructionLength);
    if (this.#isIntercepted(vector, errorCode)) {
      this.#beginException(vector, errorCode, instructionLength, type);
      const { vmcs, cpu } = this.#guest;
      if (cpu.stop.unblockedNmi && vector !== VECTOR.df)
        vmcs.setLow(F.VM_EXIT_INTR_INFO, vmcs.low(F.VM_EXIT_INTR_INFO) | INTERRUPTION_INFO.nmiUnblocking);
      return this.#exits.finish();
    }
    if (vector === VECTOR.pf) this.#setFaultAddress();
    return this.deliver(vector, type, errorCode, instructionLength);
  }

  /** Delivers an event; a fault during the delivery exits, or is delivered in its place. */
  deliver(vector: number, type: number, errorCode: number, instructionLength: number): number {
    const { cpu, state } = this.#guest;
    const event = this.#event;
    event.vector = vector;
    event.type = type;
    event.errorCode = errorCode;
    event.instructionLength = instructionLength;
    for (let i = 0; i < MOST_DELIVERIES; i++) {
      const stop = cpu.deliverEvent(event);
      if (stop === STOP.budget) {
        state.activity = ACTIVITY_STATE.active;
        cpu.interruptShadow = 0;
        return OUTCOME.resume;
      }
      if (stop === STOP.mmu || stop === STOP.mmio) return this.#exitDuringDelivery();
      if (stop === STOP.taskSwitch) return this.#exitByTaskSwitch();
      if (stop !== STOP.exception) break;
      const outcome = this.#secondException(cpu.stop.vector, cpu.stop.errorCode);
      if (outcome !== OUTCOME.resume) return outcome;
    }
    return this.#exits.plain(EXIT_REASON.TRIPLE_FAULT, 0, 0);
  }

  /** Chooses what is delivered next: resume means that `#event` is to be delivered. */
  #secondException(vector: number, errorCode: number): number {
    const first = this.#event;
    const wasException = first.type === INTERRUPTION_TYPE.hardwareException;
    if (wasException && first.vector === VECTOR.df) return this.#exits.plain(EXIT_REASON.TRIPLE_FAULT, 0, 0);
    const isDouble =
      wasException &&
      ((isContributory(first.vector) && isContributory(vector)) ||
        (first.vector === VECTOR.pf && (isContributory(vector) || vector === VECTOR.pf)));
    const next = isDouble ? VECTOR.df : vector;
    const nextErrorCode = isDouble ? this.#doubleFaultErrorCode() : errorCode;
    if (this.#isIntercepted(next, nextErrorCode)) {
      this.#beginException(next, nextErrorCode, 0, INTERRUPTION_TYPE.hardwareException);
      // A double fault that exits directly does not count as an exit during event delivery (SDM Vol 3C, "Information for VM Exits During Event Delivery").
      if (!isDouble) this.#recordVectoring();
      return this.#exits.finish();
    }
    if (vector === VECTOR.pf) this.#setFaultAddress();
    first.vector = next;
    first.type = INTERRUPTION_TYPE.hardwareException;
    first.errorCode = nextErrorCode;
    first.instructionLength = 0;
    return OUTCOME.resume;
  }

  #doubleFaultErrorCode(): number {
    return (this.#guest.cpu.cr0 & 1) !== 0 ? 0 : -1;
  }

  /** Through a task gate. */
  #exitByTaskSwitch(): number {
    this.#exits.beginTaskSwitch(0, this.#isFault() ? "set" : "keep");
    this.#recordVectoring();
    return this.#exits.finish();
  }

  #isFault(): boolean {
    const { type, vector } = this.#event;
    return type === INTERRUPTION_TYPE.hardwareException && !isTrap(vector);
  }

  #exitDuringDelivery(): number {
    this.#exits.beginMmuStop(this.#isFault() ? "set" : "keep");
    this.#recordVectoring();
    return this.#exits.finish();
  }

  /** IDT-vectoring information: the event whose delivery the exit interrupted. */
  #recordVectoring(): void {
    const { vmcs } = this.#guest;
    const { vector, type, errorCode, instructionLength } = this.#event;
    vmcs.setLow(F.IDT_VECTORING_INFO, informationOf(vector, type, errorCode));
    vmcs.setLow(F.IDT_VECTORING_ERROR_CODE, Math.max(errorCode, 0));
    if (type >= INTERRUPTION_TYPE.softwareInterrupt) vmcs.setLow(F.VM_EXIT_INSTRUCTION_LEN, instructionLength);
  }

  /** SDM Vol 3C, "Exceptions": the exception bitmap, for page faults together with the error-code mask and match. */
  #isIntercepted(vector: number, errorCode: number): boolean {
    const { vmcs } = this.#guest;
    const bit = (vmcs.low(F.EXCEPTION_BITMAP) & (1 << vector)) !== 0;
    if (vector !== VECTOR.pf) return bit;
    const masked = (errorCode & vmcs.low(F.PAGE_FAULT_ERROR_CODE_MASK)) >>> 0;
    return (masked === vmcs.low(F.PAGE_FAULT_ERROR_CODE_MATCH)) === bit;
  }

  #beginException(vector: number, errorCode: number, instructionLength: number, type: number): void {
    const { vmcs, cpu, mmu } = this.#guest;
    const length = type === INTERRUPTION_TYPE.hardwareException ? 0 : instructionLength;
    const qualification = vector === VECTOR.db ? cpu.dr6 & DEBUG_QUALIFICATION : 0;
    this.#exits.begin(EXIT_REASON.EXCEPTION_OR_NMI, qualification, length, isTrap(vector) ? "keep" : "set");
    if (vector === VECTOR.pf) vmcs.setPair(F.EXIT_QUALIFICATION, mmu.guestLinearLow, mmu.guestLinearHigh);
    vmcs.setLow(F.VM_EXIT_INTR_INFO, informationOf(vector, type, errorCode));
    vmcs.setLow(F.VM_EXIT_INTR_ERROR_CODE, Math.max(errorCode, 0));
  }

  #setFaultAddress(): void {
    const { cpu, mmu } = this.#guest;
    cpu.cr2 = (BigInt(mmu.guestLinearHigh >>> 0) << 32n) | BigInt(mmu.guestLinearLow >>> 0);
  }
}

const isTrap = (vector: number): boolean => vector === VECTOR.db || vector === VECTOR.bp || vector === VECTOR.of;

const informationOf = (vector: number, type: number, errorCode: number): number =>
  INTERRUPTION_INFO.valid | vector | (type << 8) | (errorCode < 0 ? 0 : INTERRUPTION_INFO.errorCodeValid);
