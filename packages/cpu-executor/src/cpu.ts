import type { HostMemory, HostPhysicalAddress } from "@likex/host-memory";
import { CodeCache, type CodeSource, FETCH } from "./code-cache.ts";
import { CONTEXT, CONTEXT_FRAMES, JUMP_CACHE, RFLAGS, SEGMENT } from "./context.ts";
import { type InterpreterExports, instantiateInterpreter } from "./interpreter/instance.ts";
import type { Mmu } from "./mmu.ts";
import { InstructionSelector, NO_REGISTER } from "./predecode.ts";
import { DONE, RealModeInstructions } from "./real-mode.ts";
import { BLOCK, RECORD } from "./record.ts";
import { SoftTlb } from "./soft-tlb.ts";
import { CpuState } from "./state.ts";
import { PORT_DETAIL, STATUS } from "./status.ts";
import { createStopDetails, STOP, type StopDetails } from "./stop.ts";

const DEBUG_EXCEPTION = 1;
const DOUBLE_FAULT = 8;
const GENERAL_PROTECTION = 13;
const DR6_SINGLE_STEP = 1 << 14;

export interface CpuOptions {
  readonly memory: HostMemory;
  readonly mmu: Mmu;
}

/** An event to deliver to the guest. */
export interface CpuEvent {
  readonly vector: number;
  /** VMX interruption type: 0 external, 2 NMI, 3 hardware exception, 4 software interrupt, 5 privileged software exception, 6 software exception. */
  readonly type: number;
  /** -1 when the event has none; real mode pushes none in any case. */
  readonly errorCode: number;
  /** Of the instruction that caused a software event, in bytes. */
  readonly instructionLength: number;
}

/**
 * One logical processor. It runs guest code through the interpreter until something needs the caller, and keeps its
 * architectural state in between. What the guest does never throws.
 */
export class Cpu extends CpuState {
  readonly memory: HostMemory;
  readonly stop: StopDetails = createStopDetails();
  readonly #tlb: SoftTlb;
  readonly #code: CodeCache;
  readonly #interpreter: InterpreterExports;
  readonly #realMode: RealModeInstructions;
  readonly #source: MutableSource;
  #retired = 0;
  #epoch: number;
  #codeGeneration = 0;

  private constructor(options: CpuOptions, address: number, parts: Parts) {
    super(options.memory, address, () => parts.interpreter.flags(address));
    this.memory = options.memory;
    this.#interpreter = parts.interpreter;
    this.#tlb = new SoftTlb(options.memory, options.mmu, address, this.stop);
    parts.connect(this.#tlb);
    this.#code = new CodeCache(options.memory, parts.selector);
    this.#realMode = new RealModeInstructions(this, this.#tlb, options.memory);
    this.#epoch = options.memory.watchEpoch;
    this.#source = new MutableSource(() => this.#fetchNextPage());
  }

  static create(options: CpuOptions): Cpu {
    const address = options.memory.allocateFrames(CONTEXT_FRAMES);
    let tlb: SoftTlb | undefined;
    const slow = {
      read: (_context: number, bytes: number, low: number, high: number) => (tlb as SoftTlb).read(bytes, low, high),
      write: (_context: number, bytes: number, low: number, high: number) => (tlb as SoftTlb).write(bytes, low, high),
      probe: (_context: number, bytes: number, low: number, high: number) => (tlb as SoftTlb).probe(bytes, low, high),
    };
    const { exports, keys, loadExtension } = instantiateInterpreter(options.memory.memory, slow);
    const connect = (connected: SoftTlb): void => {
      tlb = connected;
    };
    return new Cpu(options, address, {
      interpreter: exports,
      selector: new InstructionSelector(keys, loadExtension),
      connect,
    });
  }

  /** Instructions retired since creation; each element of a repeated string instruction counts as one. */
  get instructionsRetired(): number {
    return this.#retired;
  }

  /** Forgets cached translations: call it after changing what the Mmu depends on, CS excepted. */
  flushTlb(): void {
    this.#tlb.flush();
  }

  dispose(): void {
    this.#code.dispose();
    this.memory.releaseFrames(this.contextAddress as HostPhysicalAddress, CONTEXT_FRAMES);
  }

  /** Runs at most `budget` instructions (1..2^31-1) and returns why it stopped (STOP.*). */
  run(budget: number): number {
    const budgetAt = (this.contextAddress + CONTEXT.budget) >> 2;
    this.memory.i32[budgetAt] = budget;
    const stop = this.#runLoop(budgetAt);
    this.#retired += budget - (this.memory.i32[budgetAt] as number);
    this.stop.kind = stop;
    return stop;
  }

  /**
   * Delivers an exception or interrupt through the guest's vector table. STOP.budget: delivered. STOP.exception or STOP.mmu:
   * the delivery itself failed, details as for run(). STOP.shutdown: the vector table has no room even for a double fault.
   */
  deliverEvent(event: CpuEvent): number {
    const isSoftware = event.type >= 4;
    const returnRip = this.ripNumber + (isSoftware ? event.instructionLength : 0);
    if (!this.isRealMode) return this.#stopException(DOUBLE_FAULT, 0);
    const status = this.#realMode.deliver(event.vector, returnRip);
    if (status === DONE) return STOP.budget;
    if (status === STATUS.codeWrite) {
      this.#codeWritten();
      return this.deliverEvent(event);
    }
    if (status === STATUS.stopped) return this.stop.kind;
    if (event.vector === DOUBLE_FAULT) return STOP.shutdown;
    return this.#stopException(this.#detail(), -1);
  }

  #runLoop(budgetAt: number): number {
    const { i32 } = this.memory;
    if (this.memory.watchEpoch !== this.#epoch) this.#dropCached();
    for (;;) {
      if (i32[budgetAt] === 0) return STOP.budget;
      const stepping = this.interruptShadow !== 0 || (this.flagRest & RFLAGS.tf) !== 0;
      const before = i32[budgetAt] as number;
      let block = stepping ? this.#temporaryBlock(1) : this.#findBlock();
      if (block <= 0) return this.#fetchFailed(block);
      const trap = (this.flagRest & RFLAGS.tf) !== 0;
      const shadow = this.interruptShadow;
      let status = this.#interpreter.run(this.contextAddress, block);
      if (status === STATUS.budget) {
        if (i32[budgetAt] === 0) return STOP.budget;
        block = this.#temporaryBlock(i32[budgetAt] as number);
        if (block <= 0) return this.#fetchFailed(block);
        status = this.#interpreter.run(this.contextAddress, block);
      }
      const stop = status === STATUS.lookup ? RUNNING : this.#handle(status, budgetAt);
      if (stepping && (i32[budgetAt] as number) < before) {
        if (this.interruptShadow === shadow) this.interruptShadow = 0;
        if (trap && stop === RUNNING) {
          this.dr6 |= DR6_SINGLE_STEP;
          this.stop.instructionLength = 0;
          return this.#stopException(DEBUG_EXCEPTION, -1);
        }
      }
      if (stop !== RUNNING) return stop;
    }
  }

  /** What a status other than lookup means: RUNNING to go on, or a STOP. */
  #handle(status: number, budgetAt: number): number {
    const { i32 } = this.memory;
    if (status === STATUS.shadow) {
      this.interruptShadow = 1;
      return RUNNING;
    }
    if (status === STATUS.budget) return STOP.budget;
    const record = i32[(this.contextAddress + CONTEXT.stopRecord) >> 2] as number;
    this.#locate(record);
    this.stop.instructionLength = this.memory.u8[record + RECORD.length] as number;
    switch (status) {
      case STATUS.stopped:
        return this.stop.kind;
      case STATUS.exception:
        return this.#stopException(this.#detail(), this.isRealMode ? -1 : errorCodeOf(this.#detail()));
      case STATUS.instruction:
        this.#describeIntercept(record);
        return STOP.instruction;
      case STATUS.port:
        this.#describePort(record);
        return STOP.port;
      case STATUS.helper:
        return this.#help(record, budgetAt);
      case STATUS.codeWrite:
        return this.#repeatUnwatched(budgetAt);
      default:
        throw new Error(`interpreter returned an unknown status ${status}`);
    }
  }

  #help(record: number, budgetAt: number): number {
    const next = this.rip + BigInt(this.stop.instructionLength);
    const status = this.#realMode.execute(this.#detail(), record, next);
    if (status === DONE) {
      (this.memory.i32[budgetAt] as number)--;
      return RUNNING;
    }
    if (status === STATUS.codeWrite) return this.#repeatUnwatched(budgetAt);
    if (status === STATUS.stopped) return this.stop.kind;
    return this.#stopException(this.#detail(), -1);
  }

  /** Runs the instruction that writes decoded code once more, from a block that is not itself watched. */
  #repeatUnwatched(budgetAt: number): number {
    this.#codeWritten();
    const block = this.#temporaryBlock(1);
    if (block <= 0) return this.#fetchFailed(block);
    const status = this.#interpreter.run(this.contextAddress, block);
    return status === STATUS.lookup || status === STATUS.budget ? RUNNING : this.#handle(status, budgetAt);
  }

  #codeWritten(): void {
    this.memory.noteWrite(this.#tlb.codePage as HostPhysicalAddress);
    this.#tlb.restartDevices();
    this.#dropCached();
  }

  #dropCached(): void {
    this.#tlb.flush();
    this.#epoch = this.memory.watchEpoch;
  }

  /** Sets RIP to the instruction of a record. */
  #locate(record: number): void {
    const { u8, u32 } = this.memory;
    const block = u32[(this.contextAddress + CONTEXT.block) >> 2] as number;
    let rip = (u32[(block + BLOCK.rip) >> 2] as number) + (u32[(block + BLOCK.rip + 4) >> 2] as number) * 0x100000000;
    for (let at = block + BLOCK.size; at < record; at += RECORD.size) rip += u8[at + RECORD.length] as number;
    if (rip < Number.MAX_SAFE_INTEGER) this.ripNumber = rip;
    else this.rip = this.#exactRip(block, record);
  }

  #exactRip(block: number, record: number): bigint {
    let rip = this.memory.u64[(block + BLOCK.rip) >> 3] as bigint;
    for (let at = block + BLOCK.size; at < record; at += RECORD.size)
      rip += BigInt(this.memory.u8[at + RECORD.length] as number);
    return rip;
  }

  #detail(): number {
    return this.memory.i32[(this.contextAddress + CONTEXT.stopDetail) >> 2] as number;
  }

  #describeIntercept(record: number): void {
    this.stop.instruction = this.#detail();
    this.stop.operandReg = (this.memory.u16[(record + RECORD.register0) >> 1] as number) & 0xff;
    const rm = this.memory.u16[(record + RECORD.register1) >> 1] as number;
    this.stop.operandRm = rm === NO_REGISTER ? -1 : rm;
  }

  #describePort(record: number): void {
    const { u8, u16, i32 } = this.memory;
    const detail = this.#detail();
    const { stop } = this;
    stop.portSize = detail & PORT_DETAIL.sizeMask;
    stop.portIsIn = (detail & PORT_DETAIL.in) !== 0;
    stop.portIsString = (detail & PORT_DETAIL.string) !== 0;
    stop.portIsRep = (detail & PORT_DETAIL.repeat) !== 0;
    stop.portIsImmediate = (detail & PORT_DETAIL.immediate) !== 0;
    const immediate = (i32[(record + RECORD.immediate) >> 2] as number) & 0xff;
    stop.port = stop.portIsImmediate ? immediate : this.registerLow(2) & 0xffff;
    stop.portAddressSize = 64 - (u8[record + RECORD.addressShift] as number);
    const slot = ((u16[(record + RECORD.segment) >> 1] as number) - CONTEXT.segments) >> 4;
    stop.portSegment = slot < 6 ? slot : slot === 6 ? SEGMENT.ds : slot - 3;
  }

  #stopException(vector: number, errorCode: number): number {
    this.stop.vector = vector;
    this.stop.errorCode = errorCode;
    return STOP.exception;
  }

  #fetchFailed(code: number): number {
    this.stop.instructionLength = 0;
    if (code === FETCH.beyondLimit || code === FETCH.tooLong)
      return this.#stopException(GENERAL_PROTECTION, this.isRealMode ? -1 : 0);
    return this.stop.kind;
  }

  /** The block at RIP: from the jump cache, or decoded; or a FETCH code. */
  #findBlock(): number {
    const { u32, i32 } = this.memory;
    const ripAt = (this.contextAddress + CONTEXT.rip) >> 2;
    const low = u32[ripAt] as number;
    const folded = low ^ ((low >>> JUMP_CACHE.fold) | ((u32[ripAt + 1] as number) << (32 - JUMP_CACHE.fold)));
    const entry = (this.contextAddress + JUMP_CACHE.offset + ((folded & (JUMP_CACHE.entries - 1)) << 4)) >> 2;
    if (u32[entry] === low && u32[entry + 1] === u32[ripAt + 1]) return i32[entry + 2] as number;
    const source = this.#locateSource();
    if (source === undefined) return FETCH.failed;
    const block = this.#code.find(source);
    if (block <= 0) return block;
    if (this.memory.watchEpoch !== this.#epoch || this.#code.generation !== this.#codeGeneration) {
      this.#codeGeneration = this.#code.generation;
      this.#dropCached();
    }
    if (this.#code.isKept(source)) {
      i32[entry] = low;
      i32[entry + 1] = i32[ripAt + 1] as number;
      i32[entry + 2] = block;
    }
    return block;
  }

  #temporaryBlock(count: number): number {
    const source = this.#locateSource();
    if (source === undefined) return FETCH.failed;
    const block = this.#code.temporary(source, count);
    if (this.#code.generation !== this.#codeGeneration) {
      this.#codeGeneration = this.#code.generation;
      this.#dropCached();
    }
    return block;
  }

  #locateSource(): CodeSource | undefined {
    const source = this.#source;
    source.bits = this.codeBits;
    source.rip = this.rip;
    const base =
      source.bits === 64
        ? 0n
        : (this.memory.u64[(this.contextAddress + CONTEXT.segmentBases + SEGMENT.cs * 8) >> 3] as bigint);
    source.limit = source.bits === 64 ? (1n << 64n) - 1n : BigInt(this.segmentLimit(SEGMENT.cs));
    const linear = source.bits === 64 ? source.rip : BigInt.asUintN(32, base + source.rip);
    source.linearLow = Number(BigInt.asIntN(32, linear));
    source.linearHigh = Number(linear >> 32n) | 0;
    const page = this.#tlb.fetch(source.linearLow, source.linearHigh);
    if (page <= 0) return undefined;
    source.host = page + (source.linearLow & 0xfff);
    return source;
  }

  #fetchNextPage(): number {
    const low = ((this.#source.linearLow & ~0xfff) + 4096) | 0;
    const high = low === 0 ? this.#source.linearHigh + 1 : this.#source.linearHigh;
    const page = this.#tlb.fetch(low, high);
    return page > 0 ? page : FETCH.failed;
  }
}

/** Not a STOP: run() goes on. */
const RUNNING = -1;

const errorCodeOf = (vector: number): number => (vector === 12 || vector === GENERAL_PROTECTION ? 0 : -1);

interface Parts {
  readonly interpreter: InterpreterExports;
  readonly selector: InstructionSelector;
  readonly connect: (tlb: SoftTlb) => void;
}

class MutableSource implements CodeSource {
  host = 0;
  linearLow = 0;
  linearHigh = 0;
  rip = 0n;
  bits: 16 | 32 | 64 = 16;
  limit = 0n;
  readonly nextPage: () => number;

  constructor(nextPage: () => number) {
    this.nextPage = nextPage;
  }
}
