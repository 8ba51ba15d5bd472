import type { HostMemory, HostPhysicalAddress } from "@likex/host-memory";
import type { BlockFinder } from "./block-finder.ts";
import { FETCH } from "./code-cache.ts";
import { CONTEXT, RFLAGS, SEGMENT } from "./context.ts";
import { DELIVERED, type Deliveries } from "./deliveries.ts";
import type { InstructionSelector } from "./predecode.ts";
import { BLOCK, RECORD } from "./record.ts";
import { SHADOW } from "./shadow.ts";
import type { SoftTlb } from "./soft-tlb.ts";
import type { CpuState } from "./state.ts";
import { HELPER, STATUS } from "./status.ts";
import { INTERCEPT, STOP, type StopDetails } from "./stop.ts";
import { DONE, VECTOR } from "./system/access.ts";
import { type Breakpoints, DR6 } from "./system/debug-registers.ts";
import { EVENT_TYPE } from "./system/event-type.ts";
import { mayAccessPorts } from "./system/io-permission.ts";
import type { System } from "./system/system.ts";
import { undoBranch } from "./undo-branch.ts";

/** What is handed over to. */
interface HandoverParts {
  readonly cpu: CpuState & { readonly stop: StopDetails; readonly intercepts: Uint8Array; pendingDebug: number };
  readonly memory: HostMemory;
  readonly tlb: SoftTlb;
  readonly finder: BlockFinder;
  readonly selector: InstructionSelector;
  readonly system: System;
  readonly deliveries: Deliveries;
  readonly breakpoints: Breakpoints;
  /** Runs a block of one instruction and no more; a STATUS, budget when it has happened. */
  readonly runOne: (block: number) => number;
  /** Other breakpoints are armed than before. */
  readonly watchBreakpoints: () => void;
}

/** Not a STOP, which is 0 or more: the processor's loop goes on. */
const RUNNING = DELIVERED;

const RSP = 4;
const TWO_32 = 2 ** 32;
const LARGEST_INT32 = 0x7fffffff;
/** Instructions that push or pop beside their operand. */
const IMPLICIT_STACK: ReadonlySet<string> = new Set(["push", "pop", "call", "ret", "leave", "pushf", "popf", "enter"]);
const LARGEST_STACK_ACCESS = 64;

const errorCodeOf = (vector: number): number => (vector === VECTOR.ss || vector === VECTOR.gp ? 0 : -1);

/**
 * What emitted code hands over: the instruction that it has left is carried out, raises its exception, or is described for the
 * caller of run(). Where a number is returned it is a STOP, or DELIVERED to go on.
 */
export class Handover {
  readonly #parts: HandoverParts;
  readonly #cpu: HandoverParts["cpu"];
  readonly #memory: HostMemory;
  readonly #tlb: SoftTlb;
  readonly #finder: BlockFinder;
  readonly #selector: InstructionSelector;
  readonly #system: System;
  readonly #deliveries: Deliveries;
  /** The instruction that was carried out last was IRET, which may have set RF. */
  loadsRf = false;

  constructor(parts: HandoverParts) {
    this.#parts = parts;
    this.#cpu = parts.cpu;
    this.#memory = parts.memory;
    this.#tlb = parts.tlb;
    this.#finder = parts.finder;
    this.#selector = parts.selector;
    this.#system = parts.system;
    this.#deliveries = parts.deliveries;
  }

  /** What stopped an operation: a STOP, with the exception's details. */
  stopOf(status: number): number {
    if (status !== STATUS.stopped) return this.#deliveries.stopAt(this.#detail(), this.#system.access.errorCode);
    if (this.#cpu.stop.kind !== STOP.exception) return this.#cpu.stop.kind;
    if (this.#cpu.stop.vector === VECTOR.pf) this.#deliveries.setFaultAddress();
    return STOP.exception;
  }

  /** Moves RIP `bytes` on, in its width. */
  advance(bytes: number): void {
    const low = (this.#cpu.ripLow >>> 0) + bytes;
    const carry = low >= TWO_32 && this.#cpu.codeBits === 64 ? 1 : 0;
    this.#cpu.setRipPair(low | 0, this.#cpu.ripHigh + carry);
  }

  /** RIP `bytes` on, in the width of the instruction pointer. */
  advanced(bytes: number): bigint {
    return BigInt.asUintN(this.#cpu.codeBits === 64 ? 64 : 32, this.#cpu.rip + BigInt(bytes));
  }

  /** Goes on where a branch has led, unless none may lead there: then it has not happened, and raises #GP(0). */
  jumped(): number {
    if (this.#finder.isInCode() || !undoBranch(this.#cpu, this.#memory, this.#selector, this.#system.access))
      return RUNNING;
    this.#cpu.budgetLeft++;
    this.#cpu.stop.instructionLength = 0;
    return this.#deliveries.raise(VECTOR.gp, this.#cpu.isRealMode ? -1 : 0);
  }

  /** What a status other than lookup means: RUNNING to go on, or a STOP. */
  handle(status: number): number {
    const { i32 } = this.#memory;
    if (status === STATUS.shadow) {
      this.#cpu.interruptShadow = SHADOW.sti;
      return RUNNING;
    }
    if (status === STATUS.done) return RUNNING;
    this.#cpu.stop.unblockedNmi = false;
    // What is left may be less than the next block.
    if (status === STATUS.budget) return this.#cpu.budgetLeft > 0 ? RUNNING : STOP.budget;
    const record = i32[(this.#cpu.contextAddress + CONTEXT.stopRecord) >> 2] as number;
    this.#locate(record);
    this.#cpu.stop.instructionLength = this.#memory.u8[record + RECORD.length] as number;
    switch (status) {
      case STATUS.stopped:
        return this.#stopped();
      case STATUS.pageFault:
        this.#tlb.stopAtPageFault();
        return this.#stopped();
      case STATUS.exception:
        return this.#deliveries.raise(this.#detail(), this.#cpu.isRealMode ? -1 : errorCodeOf(this.#detail()));
      case STATUS.nonCanonical:
        return this.#deliveries.raise(this.#isStackAccess(record) ? VECTOR.ss : VECTOR.gp, 0);
      case STATUS.instruction:
        return this.#intercepted(record);
      case STATUS.port:
        return this.#port(record);
      case STATUS.helper:
        return this.#help(record);
      case STATUS.codeWrite:
        return this.#repeatUnwatched();
      default:
        throw new Error(`interpreter returned an unknown status ${status}`);
    }
  }

  /** The slow memory path has stopped the instruction: a page fault, an alignment check, or the Mmu's stop. */
  #stopped(): number {
    return this.#cpu.stop.kind === STOP.exception
      ? this.#deliveries.raise(this.#cpu.stop.vector, this.#cpu.stop.errorCode)
      : this.#cpu.stop.kind;
  }

  /** In 64-bit mode an address is not canonical: #SS for the stack, #GP for all else (SDM Vol 1, 3.3.7.1). */
  #isStackAccess(record: number): boolean {
    if (this.#system.access.segmentOf(record) === SEGMENT.ss) return true;
    const distance = (this.#tlb.faultLow - this.#cpu.registerLow(RSP)) | 0;
    const [mnemonic] = this.#selector.keyOf(record, this.#memory).split(" ");
    return IMPLICIT_STACK.has(mnemonic ?? "") && Math.abs(distance) <= LARGEST_STACK_ACCESS;
  }

  /** INT n and IRET in their common cases. */
  #helpCommon(helper: number, record: number): boolean {
    const { commonDelivery, commonReturn, instructions, access } = this.#system;
    if (helper === HELPER.interruptReturn) {
      if (!commonReturn.execute(access.operandBytes(record))) return false;
      this.loadsRf = true;
      this.#cpu.nmiBlocked = false;
      return true;
    }
    if (helper !== HELPER.interrupt) return false;
    const low = this.#cpu.ripLow + this.#cpu.stop.instructionLength;
    // Where the instruction pointer wraps the other path decides.
    if (low > LARGEST_INT32 || (low >= 0 && this.#cpu.ripLow < 0)) return false;
    const vector = access.immediate(record) & 0xff;
    if (!commonDelivery.deliver(vector, EVENT_TYPE.softwareInterrupt, -1, low, this.#cpu.ripHigh)) return false;
    instructions.suppressesTrap = true;
    return true;
  }

  #help(record: number): number {
    const helper = this.#detail();
    if (this.#helpCommon(helper, record)) return this.#happened();
    const next = this.advanced(this.#cpu.stop.instructionLength);
    const { instructions, access } = this.#system;
    if (helper === HELPER.breakpoint) return this.#software(VECTOR.bp, EVENT_TYPE.softwareException, next);
    if (helper === HELPER.debugTrap) return this.#software(VECTOR.db, EVENT_TYPE.privilegedSoftwareException, next);
    if (helper === HELPER.interruptOnOverflow) {
      if ((this.#cpu.rflagsNumber & RFLAGS.of) !== 0)
        return this.#software(VECTOR.of, EVENT_TYPE.softwareException, next);
      this.#cpu.rip = next;
      return this.#happened();
    }
    access.begin();
    const status = instructions.execute(helper, record, next);
    if (status === DONE) {
      this.loadsRf = helper === HELPER.interruptReturn;
      if (helper === HELPER.interruptReturn) this.#cpu.nmiBlocked = false;
      // Unlike IRET's, SYSRET's TF traps at once, as if behind the SYSCALL.
      if (helper === HELPER.sysret && (this.#cpu.flagRest & RFLAGS.tf) !== 0) this.#cpu.pendingDebug |= DR6.bs;
      return this.#happened();
    }
    if (helper === HELPER.interruptReturn && status !== STATUS.codeWrite && this.#cpu.nmiBlocked) {
      this.#cpu.nmiBlocked = false;
      this.#cpu.stop.unblockedNmi = true;
    }
    const { delivering } = instructions;
    if (delivering >= 0 && status !== STATUS.codeWrite && this.#deliveries.isIntercepted(VECTOR.df))
      return this.#deliveries.stopAt(delivering, -1, EVENT_TYPE.softwareInterrupt);
    return this.#failed(status);
  }

  #happened(): number {
    this.#cpu.budgetLeft--;
    return RUNNING;
  }

  /** An operation outside emitted code did not happen. */
  #failed(status: number): number {
    if (status === STATUS.codeWrite) return this.#repeatUnwatched();
    if (status === STATUS.stopped) return this.#stopped();
    return this.#deliveries.raise(this.#detail(), this.#system.access.errorCode);
  }

  /** INT3, INTO and INT1: intercepted like exceptions, delivered like software interrupts. */
  #software(vector: number, type: number, next: bigint): number {
    this.#system.instructions.suppressesTrap = true;
    if (this.#deliveries.isIntercepted(vector)) return this.#deliveries.stopAt(vector, -1, type);
    return this.#deliveries.deliver({ vector, type, errorCode: -1, returnRip: next }, "instruction");
  }

  #intercepted(record: number): number {
    const instruction = this.#detail();
    const { access, intercepted } = this.#system;
    access.begin();
    const allowed = intercepted.checkPrivilege(instruction, record);
    if (allowed !== DONE) return this.#failed(allowed);
    if (this.#cpu.intercepts[instruction] !== 0 && !intercepted.isAlwaysCarriedOut(instruction, record)) {
      this.#describeIntercept(record);
      return STOP.instruction;
    }
    const status = intercepted.execute(instruction, record);
    if (status !== DONE) return this.#failed(status);
    this.advance(this.#cpu.stop.instructionLength);
    if (instruction === INTERCEPT.movToDr && this.#parts.breakpoints.update()) this.#parts.watchBreakpoints();
    return this.#happened();
  }

  #port(record: number): number {
    const { access } = this.#system;
    this.#cpu.stop.portQualification = this.#detail();
    this.#cpu.stop.portAddressSize = 64 - (this.#memory.u8[record + RECORD.addressShift] as number);
    this.#cpu.stop.portSegment = access.segmentOf(record);
    access.begin();
    if (!mayAccessPorts(access, this.#cpu.stop.port, this.#cpu.stop.portSize)) {
      access.generalProtection(0);
      return this.#failed(access.failure);
    }
    return STOP.port;
  }

  /** Runs the instruction that writes decoded code once more, from a block that is not itself watched. */
  #repeatUnwatched(): number {
    this.codeWritten();
    const block = this.#finder.temporary(1);
    if (block <= 0) return this.fetchFailed(block);
    const status = this.#parts.runOne(block);
    return status === STATUS.lookup ? this.jumped() : this.handle(status);
  }

  codeWritten(): void {
    this.#finder.codeWritten(this.#tlb.codePage as HostPhysicalAddress);
    this.#tlb.restartDevices();
  }

  /** Sets RIP to the instruction of a record. */
  #locate(record: number): void {
    const { u8, u32 } = this.#memory;
    const block = u32[(this.#cpu.contextAddress + CONTEXT.block) >> 2] as number;
    let low = u32[(block + BLOCK.rip) >> 2] as number;
    let high = u32[(block + BLOCK.rip + 4) >> 2] as number;
    for (let at = block + BLOCK.size; at < record; at += RECORD.size) low += u8[at + RECORD.length] as number;
    if (low >= TWO_32) high++;
    this.#cpu.setRipPair(low | 0, high | 0);
  }

  #detail(): number {
    return this.#memory.i32[(this.#cpu.contextAddress + CONTEXT.stopDetail) >> 2] as number;
  }

  #describeIntercept(record: number): void {
    this.#cpu.stop.instruction = this.#detail();
    this.#cpu.stop.operandReg = this.#system.access.reg(record);
    this.#cpu.stop.operandRm = this.#system.access.rm(record);
    this.#cpu.stop.operandSize = this.#system.access.operandBytes(record) * 8;
  }

  fetchFailed(code: number): number {
    this.#cpu.stop.instructionLength = 0;
    this.#cpu.stop.unblockedNmi = false;
    return code === FETCH.failed ? this.#stopped() : this.#deliveries.raise(VECTOR.gp, this.#cpu.isRealMode ? -1 : 0);
  }
}
