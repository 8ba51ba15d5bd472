import { RFLAGS, SEGMENT } from "../context.ts";
import { SHADOW } from "../shadow.ts";
import { HELPER } from "../status.ts";
import { DONE, type SystemAccess, VECTOR } from "./access.ts";
import { CR4 } from "./control-registers.ts";
import { EVENT_TYPE } from "./event-type.ts";
import type { EventDelivery } from "./events.ts";
import type { FarTransfers } from "./far-transfer.ts";
import type { FastCalls } from "./fast-calls.ts";
import type { FlagInstructions } from "./flags.ts";
import type { InterruptReturn } from "./interrupt-return.ts";
import type { Msrs } from "./msrs.ts";
import type { SegmentLoads } from "./segment-load.ts";
import type { Translations } from "./translations.ts";

const RSP = 4;
const RBP = 5;
const IOPL_3 = 3;
const CR4_VME = 1;
const RAX = 0;
const RCX = 1;
const RDX = 2;

export interface InstructionParts {
  readonly access: SystemAccess;
  readonly loads: SegmentLoads;
  readonly far: FarTransfers;
  readonly returns: InterruptReturn;
  readonly events: EventDelivery;
  readonly flags: FlagInstructions;
  readonly calls: FastCalls;
  readonly msrs: Msrs;
  readonly translations: Translations;
  /** Random bits: 64 of them. */
  readonly random: () => bigint;
}

/** Instructions that emitted code leaves to TypeScript: they change segments, privilege or processor state. */
export class SystemInstructions {
  readonly #parts: InstructionParts;
  /** The instruction executed last delivered an event or changed privilege: no single-step trap follows it. */
  suppressesTrap = false;
  /** The vector of an INT n that is being delivered through the IDT, or -1. */
  delivering = -1;

  constructor(parts: InstructionParts) {
    this.#parts = parts;
  }

  /** Carries out the instruction at `record`, which ends at instruction pointer `next`: DONE, or a STATUS. */
  execute(helper: number, record: number, next: bigint): number {
    const { access, loads, far, returns, flags, calls } = this.#parts;
    this.suppressesTrap = false;
    this.delivering = -1;
    switch (helper) {
      case HELPER.moveToSegment:
        return this.#moveToSegment(record, next);
      case HELPER.popSegment:
        return this.#popSegment(record, next);
      case HELPER.loadFarPointer:
        return this.#loadFarPointer(record, next);
      case HELPER.jumpFar:
        return far.execute(record, "jump", next);
      case HELPER.callFar:
        return far.execute(record, "call", next);
      case HELPER.returnFar:
        return far.returnFar(record, access.immediate(record) & 0xffff);
      case HELPER.interruptReturn:
        return returns.execute(record, next);
      case HELPER.interrupt:
        return this.#interrupt(access.immediate(record) & 0xff, next);
      case HELPER.popFlags:
        return flags.pop(record, next);
      case HELPER.pushFlags:
        return flags.push(record, next);
      case HELPER.clearInterruptFlag:
        return flags.setInterrupt("clear", next);
      case HELPER.setInterruptFlag:
        return flags.setInterrupt("set", next);
      case HELPER.bound:
        return this.#bound(record, next);
      case HELPER.enter:
        return this.#enter(record, next);
      case HELPER.arpl:
        return this.#then(loads.adjustRpl(record), next);
      case HELPER.lar:
        return this.#inspect(() => loads.inspect(record, "rights"), next);
      case HELPER.lsl:
        return this.#inspect(() => loads.inspect(record, "limit"), next);
      case HELPER.verr:
        return this.#inspect(() => loads.verify(record, "read"), next);
      case HELPER.verw:
        return this.#inspect(() => loads.verify(record, "write"), next);
      case HELPER.syscall:
        return this.#systemCall(next);
      case HELPER.sysret:
        this.suppressesTrap = true;
        return calls.sysret(access.operandBytes(record));
      case HELPER.sysenter:
        return calls.sysenter();
      case HELPER.sysexit:
        return calls.sysexit(access.operandBytes(record));
      case HELPER.swapgs:
        return calls.swapGs(next);
      case HELPER.readFsBase:
        return calls.readBase(record, SEGMENT.fs, next);
      case HELPER.readGsBase:
        return calls.readBase(record, SEGMENT.gs, next);
      case HELPER.writeFsBase:
        return calls.writeBase(record, SEGMENT.fs, next);
      case HELPER.writeGsBase:
        return calls.writeBase(record, SEGMENT.gs, next);
      case HELPER.clac:
        return this.#setAlignmentFlag(0, next);
      case HELPER.stac:
        return this.#setAlignmentFlag(RFLAGS.ac, next);
      default:
        return this.#other(helper, record, next);
    }
  }

  #other(helper: number, record: number, next: bigint): number {
    const { access, msrs } = this.#parts;
    const { state } = access;
    switch (helper) {
      case HELPER.readRandom:
      case HELPER.readSeed:
        access.writeRegister(access.rm(record), access.operandBytes(record), this.#parts.random());
        state.rflagsNumber = (state.rflagsNumber & ~ARITHMETIC) | RFLAGS.cf;
        return this.#then(DONE, next);
      case HELPER.readProcessorId:
        state.setRegister(access.rm(record), msrs.state.tscAux);
        return this.#then(DONE, next);
      case HELPER.invalidatePcid:
        return this.#invalidatePcid(record, next);
      case HELPER.readPkru:
      case HELPER.writePkru:
        return this.#protectionKeys(helper, next);
      default:
        return access.undefinedOpcode();
    }
  }

  /** TF counts as it is behind SYSCALL: a mask that clears it keeps the handler from a single step. */
  #systemCall(next: bigint): number {
    const { access, calls } = this.#parts;
    const status = calls.syscall(next);
    this.suppressesTrap = (access.state.flagRest & RFLAGS.tf) === 0;
    return status;
  }

  #then(status: number, next: bigint): number {
    if (status === DONE) this.#parts.access.state.rip = next;
    return status;
  }

  /** #UD in real and virtual-8086 mode, where selectors name nothing. */
  #inspect(execute: () => number, next: bigint): number {
    const { access } = this.#parts;
    const { state } = access;
    if (state.isRealMode || state.isVirtual8086) return access.undefinedOpcode();
    return this.#then(execute(), next);
  }

  #moveToSegment(record: number, next: bigint): number {
    const { access, loads } = this.#parts;
    const register = access.reg(record);
    if (register === SEGMENT.cs || register > SEGMENT.gs) return access.undefinedOpcode();
    const selector = access.readWord(record);
    if (access.failed) return access.failure;
    const status = loads.load(register, selector);
    if (status === DONE && register === SEGMENT.ss) access.state.interruptShadow = SHADOW.movSs;
    return this.#then(status, next);
  }

  #popSegment(record: number, next: bigint): number {
    const { access, loads } = this.#parts;
    const register = access.reg(record);
    const bytes = access.operandBytes(record);
    const selector = Number(access.peek(0, bytes) & 0xffffn);
    if (access.failed) return access.failure;
    const [bits, pointer] = [access.stackBits(), access.stackPointer + BigInt(bytes)];
    const status = loads.load(register, selector);
    if (status !== DONE) return status;
    access.setStackPointer(pointer, bits);
    if (register === SEGMENT.ss) access.state.interruptShadow = SHADOW.movSs;
    return this.#then(DONE, next);
  }

  /** LES, LDS, LSS, LFS, LGS: pre-decoding leaves the number of the segment in the place of an immediate. */
  #loadFarPointer(record: number, next: bigint): number {
    const { access, loads } = this.#parts;
    const bytes = access.operandBytes(record);
    const offset = access.readOperand(record, bytes);
    const selector = Number(access.readOperand(record, 2, bytes));
    if (access.failed) return access.failure;
    const status = loads.load(access.immediate(record), selector);
    if (status !== DONE) return status;
    access.writeRegister(access.reg(record), bytes, offset);
    return this.#then(DONE, next);
  }

  /** INT n; in virtual-8086 mode IOPL and the redirection bitmap decide (SDM Vol 3A, 21.3.3). */
  #interrupt(vector: number, next: bigint): number {
    const { access, events } = this.#parts;
    const { state } = access;
    this.suppressesTrap = true;
    if (state.isVirtual8086) {
      const hasVme = (state.cr4 & CR4_VME) !== 0;
      if (hasVme && this.#isRedirected(vector)) return this.#redirect(vector, next);
      if (access.failed) return access.failure;
      if (state.iopl !== IOPL_3) return access.generalProtection(0);
    }
    this.delivering = vector;
    return events.deliver({ vector, type: EVENT_TYPE.softwareInterrupt, errorCode: -1, returnRip: next });
  }

  /** The bit of the TSS's 32-byte map, which ends where the I/O permission map begins: 0 redirects to the program's own table. */
  #isRedirected(vector: number): boolean {
    const { access } = this.#parts;
    const { state } = access;
    if (state.segmentLimit(SEGMENT.tr) < 0x67) return false;
    const base = state.segmentBase(SEGMENT.tr);
    const map = Number(access.readSystem(BigInt.asUintN(32, base + 0x66n), 2));
    const at = map - 32 + (vector >> 3);
    if (at > state.segmentLimit(SEGMENT.tr)) return false;
    const bits = Number(access.readSystem(BigInt.asUintN(32, base + BigInt(at)), 1));
    return !access.failed && (bits & (1 << (vector & 7))) === 0;
  }

  /** Through the table at linear address 0, with VIF in the place of IF where IOPL is below 3. */
  #redirect(vector: number, next: bigint): number {
    const { access, loads } = this.#parts;
    const { state } = access;
    const flags = state.rflagsNumber;
    const isVirtual = state.iopl !== IOPL_3;
    const interrupt = (flags & (isVirtual ? RFLAGS.vif : RFLAGS.if)) !== 0 ? RFLAGS.if : 0;
    const image = isVirtual ? (flags & ~RFLAGS.if) | RFLAGS.iopl | interrupt : flags;
    const entry = Number(access.readLinear(BigInt(vector * 4), 4));
    const pointer = access.push([BigInt(image & 0xffff), BigInt(state.segmentSelector(SEGMENT.cs)), next], 2);
    if (access.failed) return access.failure;
    access.setStackPointer(pointer);
    state.rflagsNumber = flags & ~(RFLAGS.tf | RFLAGS.nt | RFLAGS.rf | (isVirtual ? RFLAGS.vif : RFLAGS.if));
    loads.loadReal(SEGMENT.cs, entry >>> 16);
    state.ripNumber = entry & 0xffff;
    return DONE;
  }

  #bound(record: number, next: bigint): number {
    const { access } = this.#parts;
    const bytes = access.operandBytes(record);
    const signed = (value: bigint): bigint => BigInt.asIntN(bytes * 8, value);
    const index = signed(access.state.getRegister(access.reg(record)));
    const lower = signed(access.readOperand(record, bytes));
    if (access.failed) return access.failure;
    if (index < lower) return access.raise(VECTOR.br);
    const upper = signed(access.readOperand(record, bytes, bytes));
    if (access.failed) return access.failure;
    if (index > upper) return access.raise(VECTOR.br);
    return this.#then(DONE, next);
  }

  /** ENTER (SDM Vol 2A): a stack frame with up to 31 pointers to enclosing ones. */
  #enter(record: number, next: bigint): number {
    const { access } = this.#parts;
    const { state } = access;
    const bytes = access.operandBytes(record);
    const size = BigInt(access.immediate(record) & 0xffff);
    const level = access.immediate2(record) & 31;
    const bits = access.stackBits();
    const frameAt = BigInt.asUintN(bits, access.stackPointer - BigInt(bytes));
    // With a stack of 16 bits ESP's upper half goes along.
    const frame = bits === 16 ? (state.getRegister(RSP) & ~0xffffn) | frameAt : frameAt;
    const values = [state.getRegister(RBP)];
    for (let i = 1; i < level; i++) {
      const from = BigInt.asUintN(bits, state.getRegister(RBP) - BigInt(i * bytes));
      values.push(access.read(SEGMENT.ss, from, bytes));
    }
    if (level > 0) values.push(frame);
    const pointer = access.push(values, bytes) - size;
    // The new top of the stack must be writable, so that the fault is this instruction's.
    access.probeWrite(SEGMENT.ss, BigInt.asUintN(bits, pointer), bytes);
    if (access.failed) return access.failure;
    access.writeRegister(RBP, bytes, frame);
    access.setStackPointer(pointer);
    return this.#then(DONE, next);
  }

  #setAlignmentFlag(value: number, next: bigint): number {
    const { access } = this.#parts;
    if (access.state.cpl !== 0) return access.undefinedOpcode();
    access.state.changeFlagRest(RFLAGS.ac, value);
    return this.#then(DONE, next);
  }

  /** INVPCID (SDM Vol 2A). */
  #invalidatePcid(record: number, next: bigint): number {
    const { access, translations } = this.#parts;
    const { state } = access;
    if (state.isVirtual8086 || state.cpl !== 0) return access.generalProtection(0);
    const pcid = access.readOperand(record, 8);
    const address = access.readOperand(record, 8, 8);
    if (access.failed) return access.failure;
    const type = access.reg(record);
    const isValid = translations.invalidatePcid(
      state.registerLow(type),
      state.codeBits === 64 ? state.registerHigh(type) : 0,
      Number(BigInt.asUintN(32, pcid)) | 0,
      Number(pcid >> 32n) | 0,
      Number(BigInt.asUintN(32, address)) | 0,
      Number(address >> 32n) | 0,
    );
    return isValid ? this.#then(DONE, next) : access.generalProtection(0);
  }

  /** RDPKRU and WRPKRU (SDM Vol 2B, 2D): at every level. */
  #protectionKeys(helper: number, next: bigint): number {
    const { access, translations } = this.#parts;
    const { state } = access;
    if ((state.cr4 & CR4.pke) === 0) return access.undefinedOpcode();
    if (state.registerLow(RCX) !== 0) return access.generalProtection(0);
    if (helper === HELPER.readPkru) {
      state.setRegisterPair(RAX, state.pkru, 0);
      state.setRegisterPair(RDX, 0, 0);
      return this.#then(DONE, next);
    }
    if (state.registerLow(RDX) !== 0) return access.generalProtection(0);
    translations.setPkru(state.registerLow(RAX));
    return this.#then(DONE, next);
  }
}

const ARITHMETIC = RFLAGS.cf | RFLAGS.pf | RFLAGS.af | RFLAGS.zf | RFLAGS.sf | RFLAGS.of;
