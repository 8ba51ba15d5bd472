import type { HostMemory, HostPhysicalAddress } from "@likex/host-memory";
import { BlockFinder } from "./block-finder.ts";
import { CodePatches } from "./code-patches.ts";
import { CONTEXT, CONTEXT_FRAMES, NOT_RESUMED, RFLAGS, SEGMENT } from "./context.ts";
import type { CpuEvent, CpuOptions, TaskSwitchRequest } from "./cpu-types.ts";
import { DELIVERED, Deliveries } from "./deliveries.ts";
import { Handover } from "./handover.ts";
import { type InterpreterExports, instantiateInterpreter } from "./interpreter/instance.ts";
import type { Jit } from "./jit/jit.ts";
import { OwnCodeWrites } from "./own-code-writes.ts";
import { InstructionSelector } from "./predecode.ts";
import { createRandom } from "./random.ts";
import { SegmentCheck } from "./segment-check.ts";
import { SHADOW } from "./shadow.ts";
import { type CpuSnapshot, restoreRegisters, saveRegisters } from "./snapshot.ts";
import { PRIVILEGE, SoftTlb } from "./soft-tlb.ts";
import { CpuState } from "./state.ts";
import { ENTER, STATUS } from "./status.ts";
import { createStopDetails, STOP, type StopDetails, TASK_SOURCE } from "./stop.ts";
import { DONE, VECTOR } from "./system/access.ts";
import { CONTROL_WRITE, CR0, CR4 } from "./system/control-registers.ts";
import { CPU_MODELS } from "./system/cpuid.ts";
import { Breakpoints, DR6 } from "./system/debug-registers.ts";
import { EVENT_TYPE } from "./system/event-type.ts";
import type { MsrState } from "./system/msr-state.ts";
import type { Msrs } from "./system/msrs.ts";
import { createSystem, type System } from "./system/system.ts";

// Copies for the way of each port access: compilers load a field of an imported object anew, and know a constant of the file.
const { port: PORT_STATUS, notEntered: NOT_ENTERED } = ENTER;
const { port: PORT_STOP } = STOP;
const { rf: RF } = RFLAGS;
/** Flags with which a run does not begin at once: traps, and who accesses memory. */
const LOOKED_AT = RFLAGS.tf | RFLAGS.ac;
const ALL_EXCEPTIONS = 0xffffffff;

/** Bits of Cpu.windowRequest. */
export const WINDOW = { interrupt: 1, nmi: 2 } as const;

/**
 * One logical processor. It runs guest code through the interpreter until something needs the caller, and keeps its
 * architectural state in between. What the guest does never throws.
 */
export class Cpu extends CpuState {
  readonly memory: HostMemory;
  readonly stop: StopDetails = createStopDetails();
  /** Instructions (INTERCEPT numbers) at which run() stops: 1; where it is 0 the processor carries them out. All are 1 at first. */
  readonly intercepts: Uint8Array;
  /**
   * Exceptions (bit = vector) at which run() stops; the others are delivered through the guest's own table. All at first. With
   * bit 8 (#DF) set an exception or INT n whose delivery fails stops as if it were set, and the caller continues with
   * deliverEvent; else the processor goes on to the double fault and to shutdown by itself.
   */
  get exceptionBitmap(): number {
    return this.memory.u32[this.#outsideExceptionsAt] as number;
  }

  set exceptionBitmap(value: number) {
    this.memory.u32[this.#outsideExceptionsAt] = value;
  }

  /** WINDOW bits: run() stops with STOP.window before the first instruction at which the guest would take such an event. */
  get windowRequest(): number {
    return this.#windowRequest;
  }

  set windowRequest(value: number) {
    this.#windowRequest = value;
    if (value !== 0) this.needsLook = true;
  }

  /** DR6 bits of debug traps that wait for the next instruction border; a MOV SS keeps them waiting. */
  get pendingDebug(): number {
    return this.#pendingDebug;
  }

  set pendingDebug(value: number) {
    this.#pendingDebug = value;
    if (value !== 0) this.needsLook = true;
  }

  /** Called after the processor itself has changed CR0, CR3, CR4 or EFER, for the Mmu to follow; the soft TLB is flushed. */
  onTranslationChange: (() => void) | undefined;
  readonly #outsideExceptionsAt: number;
  readonly #resumedAt: number;
  readonly #stopDetailAt: number;
  readonly #tlb: SoftTlb;
  readonly #finder: BlockFinder;
  readonly #interpreter: InterpreterExports;
  readonly #selector: InstructionSelector;
  readonly #system: System;
  readonly #deliveries: Deliveries;
  readonly #handover: Handover;
  readonly #breakpoints: Breakpoints;
  readonly #jit: Jit | undefined;
  #windowRequest = 0;
  #pendingDebug = 0;
  /** What the next block is looked for as: a region can leave an instruction to the interpreter. */
  #fetchKind: "entry" | "resume" = "entry";
  /** Instructions that will have been retired when the budget is used up, deliveries among them. */
  #limit = 0;
  /** Something waits to be compiled: a run that begins after so many instructions asks whether it is time. */
  #isCompilerAsked = false;
  #lookAt = 0;

  private constructor(options: CpuOptions, address: number, parts: Parts) {
    super(options.memory, address, () => parts.interpreter.flags(address));
    this.memory = options.memory;
    this.#outsideExceptionsAt = (address + CONTEXT.outsideExceptions) >> 2;
    this.#resumedAt = (address + CONTEXT.resumed) >> 2;
    this.#stopDetailAt = (address + CONTEXT.stopDetail) >> 2;
    this.exceptionBitmap = ALL_EXCEPTIONS;
    const interceptsAt = address + CONTEXT.intercepts;
    this.intercepts = this.memory.u8.subarray(interceptsAt, interceptsAt + 64).fill(1);
    this.memory.i32[this.#resumedAt] = NOT_RESUMED;
    this.#interpreter = parts.interpreter;
    this.#selector = parts.selector;
    this.#tlb = new SoftTlb(options.memory, options.mmu, address, this.stop);
    const segments = new SegmentCheck(options.memory, this);
    const { handlers } = parts.interpreter;
    this.#tlb.onEmitted = (translate) => handlers.set(handlers.length - 1, translate);
    this.#finder = new BlockFinder(options.memory, this, this.#tlb, parts.selector);
    parts.connect(this.#tlb, segments, new OwnCodeWrites(options.memory, address, this.#tlb, this.#finder));
    this.#breakpoints = new Breakpoints(this);
    this.#jit = options.jit?.connect({
      memory: options.memory,
      context: address,
      selector: parts.selector,
      code: this.#finder.code,
      knownBlock: (low, high) => this.#tlb.knownBlock(low, high),
      retired: () => this.instructionsRetired,
    });
    if (this.#jit !== undefined)
      this.#finder.patches = new CodePatches(
        options.memory,
        this.#finder.code,
        parts.selector,
        this.#jit.patchedFields,
      );
    this.#system = createSystem({
      state: this,
      tlb: this.#tlb,
      mmu: options.mmu,
      taskIntercepts: this,
      memory: options.memory,
      model: options.model ?? CPU_MODELS.likex,
      clock: options.clock ?? (() => BigInt(this.instructionsRetired)),
      random: options.random ?? createRandom(),
      translationChanged: () => {
        this.onTranslationChange?.();
        this.#tlb.flush();
      },
      taskTrap: () => {
        this.pendingDebug |= DR6.bt;
      },
    });
    const { access, events, commonDelivery: common } = this.#system;
    const codeWritten = (): void => this.#handover.codeWritten();
    this.#deliveries = new Deliveries({
      cpu: this,
      tlb: this.#tlb,
      access,
      events,
      common,
      i32: this.memory.i32,
      codeWritten,
    });
    this.#handover = new Handover({
      cpu: this,
      memory: this.memory,
      tlb: this.#tlb,
      finder: this.#finder,
      selector: this.#selector,
      system: this.#system,
      deliveries: this.#deliveries,
      breakpoints: this.#breakpoints,
      runOne: (block) => this.#runOne(block),
      watchBreakpoints: () => this.#watchBreakpoints(),
    });
  }

  static create(options: CpuOptions): Cpu {
    const address = options.memory.allocateFrames(CONTEXT_FRAMES);
    let tlb: SoftTlb | undefined;
    let segments: SegmentCheck | undefined;
    let writes: OwnCodeWrites | undefined;
    const slow = {
      read: (_context: number, bytes: number, low: number, high: number) =>
        (tlb as SoftTlb).tell((tlb as SoftTlb).read(bytes, low, high)),
      write: (_context: number, bytes: number, low: number, high: number) =>
        (tlb as SoftTlb).tell((writes as OwnCodeWrites).write(bytes, low, high)),
      probe: (_context: number, bytes: number, low: number, high: number) =>
        (tlb as SoftTlb).tell((writes as OwnCodeWrites).probe(bytes, low, high)),
      segment: (_context: number, what: number, low: number, high: number) =>
        (segments as SegmentCheck).check(what, low, high),
      watched: (host: number, low: number) => ((tlb as SoftTlb).refusesWrites(host, low) ? 1 : 0),
    };
    const { exports, keys, loadExtension } = instantiateInterpreter(
      options.memory.memory,
      slow,
      options.jit?.runnerOf(options.memory),
    );
    const connect: Parts["connect"] = (connectedTlb, connectedSegments, connectedWrites) => {
      tlb = connectedTlb;
      segments = connectedSegments;
      writes = connectedWrites;
    };
    return new Cpu(options, address, {
      interpreter: exports,
      selector: new InstructionSelector(keys, loadExtension),
      connect,
    });
  }

  /** Instructions retired since creation; each element of a repeated string instruction counts as one. */
  get instructionsRetired(): number {
    return this.#limit - this.budgetLeft - this.#deliveries.count;
  }

  /** MSRs that the processor's own operations read, as plain values. */
  get msrState(): MsrState {
    return this.#system.msrs.state;
  }

  /** The model-specific registers, with the rules of RDMSR and WRMSR. */
  get msrs(): Msrs {
    return this.#system.msrs;
  }

  /** All registers and MSRs, as plain data. Between run() calls only; memory and the Mmu's own state are not in it. */
  saveState(): CpuSnapshot & { readonly msrs: Readonly<Record<string, string>>; readonly pendingDebug: number } {
    return { ...saveRegisters(this), msrs: this.#system.msrs.save(), pendingDebug: this.pendingDebug };
  }

  /** Puts back what saveState() returned, on this Cpu or on another one. */
  restoreState(saved: ReturnType<Cpu["saveState"]>): void {
    restoreRegisters(this, saved);
    this.#system.msrs.restore(saved.msrs);
    this.pendingDebug = saved.pendingDebug;
    this.writePkru(this.pkru);
    this.onTranslationChange?.();
    this.#tlb.flush();
  }

  /** Writes CR0, CR2, CR3, CR4 or CR8 as MOV does; false where it raises #GP(0) or the Mmu cannot load the PDPTE registers. */
  writeControlRegister(register: number, value: bigint): boolean {
    return this.#system.control.write(register, value) === CONTROL_WRITE.done;
  }

  /** Writes PKRU, 32 bits, as WRPKRU does: the Mmu is told. */
  writePkru(value: number): void {
    this.#system.translations.setPkru(value);
  }

  /** Forgets cached translations: call it after changing what the Mmu depends on, CS excepted. */
  flushTlb(): void {
    this.#tlb.flush();
  }

  dispose(): void {
    this.#finder.dispose();
    this.#tlb.dispose();
    this.memory.releaseFrames(this.contextAddress as HostPhysicalAddress, CONTEXT_FRAMES);
  }

  /** Runs at most `budget` instructions (1..2^31-1), of which each delivery of an event takes one, and returns why it stopped (STOP.*). */
  run(budget: number): number {
    const retired = this.#limit - this.budgetLeft;
    if (!this.#isReady() || (this.#isCompilerAsked === true && retired >= this.#lookAt))
      return this.#runFromLook(retired, budget);
    const held = budget > SLICE ? budget - SLICE : 0;
    this.#limit = retired + budget - held;
    const status = this.#interpreter.enter(this.contextAddress, budget - held, held);
    if (status <= PORT_STATUS) return this.#entered(status, retired, budget, held);
    this.#limit = retired + budget;
    const { stop } = this;
    stop.kind = PORT_STOP;
    stop.instructionLength = status - PORT_STATUS;
    stop.portQualification = this.memory.i32[this.#stopDetailAt] as number;
    stop.unblockedNmi = false;
    return PORT_STOP;
  }

  /** Goes on where the emitted `enter` has not come to a port access that is described by what it returns. */
  #entered(status: number, retired: number, budget: number, held: number): number {
    if (status === NOT_ENTERED) return this.#runFromLook(retired, budget);
    const stop = this.#left(status, held);
    return this.#ended(stop < 0 ? this.#runLoop() : stop);
  }

  #runFromLook(retired: number, budget: number): number {
    if (this.#jit !== undefined) {
      this.#jit.refresh();
      this.#isCompilerAsked = this.#jit.isWaiting();
      this.#lookAt = retired + ASKED_AFTER;
    }
    this.#limit = retired + budget;
    this.budgetLeft = budget;
    if (this.#breakpoints.update()) this.#watchBreakpoints();
    return this.#ended(this.#runLoop());
  }

  /** Nothing has happened since the last run that must be looked at before the next instruction; flags are not asked. */
  #isReady(): boolean {
    // Comparisons with a constant: for the truth of a value that may be of any type engines write more.
    return (
      this.needsLook === false && this.#finder.isCurrent === true && (this.#jit === undefined || this.#jit.isCurrent)
    );
  }

  /**
   * The block at RIP, where a run can go on at once: nothing has happened since the last one that must be looked at first, and
   * the jump cache has the block. Else 0.
   */
  #knownBlock(): number {
    if (this.needsLook || (this.flagRest & LOOKED_AT) !== 0 || !this.#finder.isCurrent) return 0;
    return this.#tlb.knownBlock(this.ripLow, this.ripHigh);
  }

  #ended(stop: number): number {
    this.#limit -= this.#deliveries.count;
    this.#deliveries.count = 0;
    this.stop.kind = stop;
    return stop;
  }

  /**
   * Delivers an exception or interrupt through the guest's vector table. STOP.budget: delivered. STOP.exception or STOP.mmu:
   * the delivery itself failed, details as for run(). STOP.shutdown: the vector table has no room even for a double
   * fault, or, without bit 8 in exceptionBitmap, a triple fault.
   */
  deliverEvent(event: CpuEvent): number {
    this.#tlb.setPrivilege(this.#privilege());
    const isSoftware = event.type >= EVENT_TYPE.softwareInterrupt;
    const { vector, type, errorCode } = event;
    this.halted = false;
    if (!isSoftware && this.#deliveries.deliverCommon(vector, type, errorCode)) {
      if (type === EVENT_TYPE.nmi) this.nmiBlocked = true;
      return STOP.budget;
    }
    const returnRip = isSoftware ? this.#handover.advanced(event.instructionLength) : this.rip;
    const stop = this.#deliveries.deliver({ vector, type, errorCode, returnRip }, "report");
    if (stop === RUNNING && type === EVENT_TYPE.nmi) this.nmiBlocked = true;
    return stop === RUNNING ? STOP.budget : stop;
  }

  /**
   * Carries out a task switch that run() or deliverEvent() stopped at with STOP.taskSwitch. STOP.budget: it has happened;
   * STOP.exception: as far as it went, and the new task or the old one is to get that exception; STOP.mmu or STOP.mmio:
   * it has not begun, and is repeated when the Mmu has the page.
   */
  switchTask(task: TaskSwitchRequest): number {
    this.#tlb.setPrivilege(this.#privilege());
    const { access, tasks } = this.#system;
    const next = this.#handover.advanced(task.instructionLength);
    const external = task.source === TASK_SOURCE.gate && task.instructionLength === 0 ? 1 : 0;
    for (;;) {
      access.begin();
      const status = tasks.resume(task.selector, task.source, next, external, task.errorCode);
      if (status === STATUS.codeWrite) this.#handover.codeWritten();
      else {
        this.stop.kind = status === DONE ? STOP.budget : this.#handover.stopOf(status);
        return this.stop.kind;
      }
    }
  }

  /**
   * Moves past an instruction that run() stopped at and the caller has carried out (a port access, an intercepted
   * instruction): RIP, the end of an interrupt shadow, and the debug traps that the next run() begins with.
   */
  completeInstruction(): void {
    this.#handover.advance(this.stop.instructionLength);
    this.interruptShadow = 0;
    const stepped = (this.flagRest & RFLAGS.tf) !== 0 ? DR6.bs : 0;
    const isPort = this.stop.kind === STOP.port && this.#breakpoints.isArmed;
    this.pendingDebug |= stepped | (isPort ? this.#breakpoints.atPort(this.stop.port, this.stop.portSize) : 0);
    if ((this.flagRest & RFLAGS.rf) !== 0) this.changeFlagRest(RFLAGS.rf, 0);
  }

  #privilege(): number {
    const hasAc = (this.flagRest & RFLAGS.ac) !== 0;
    if (this.cpl === 3) return hasAc && (this.cr0 & CR0.am) !== 0 ? PRIVILEGE.aligned : PRIVILEGE.user;
    return hasAc && (this.cr4 & CR4.smap) !== 0 ? PRIVILEGE.supervisorWithAc : PRIVILEGE.supervisor;
  }

  #watchBreakpoints(): void {
    this.#tlb.watch = this.#breakpoints.hasData ? this.#breakpoints : undefined;
    this.#tlb.flush();
  }

  #runLoop(): number {
    for (;;) {
      const block = this.#knownBlock();
      if (this.budgetLeft <= 0) return STOP.budget;
      const isResumed = (this.flagRest & RF) !== 0;
      const stop = block === 0 ? this.#look() : isResumed ? this.#runResumed(block) : this.#runBlocks(block);
      if (stop >= 0) return stop;
    }
  }

  /** Looks at everything that may come before the next instruction, and runs what then can run. */
  #look(): number {
    this.#finder.refresh();
    this.#tlb.setPrivilege(this.#privilege());
    const stop = this.#border();
    if (stop !== RUNNING) return stop;
    const flags = this.flagRest & (RFLAGS.tf | RFLAGS.rf);
    const isPlain = (flags & RFLAGS.tf) === 0 && this.interruptShadow === 0 && !this.#breakpoints.isArmed;
    if (!isPlain) return this.#step(flags);
    const block = this.#findBlock();
    if (block <= 0) return this.#handover.fetchFailed(block);
    return flags === 0 ? this.#runBlocks(block) : this.#runResumed(block);
  }

  /** What comes between two instructions, in the order of SDM Vol 3A, table 6-2. */
  #border(): number {
    const { interruptShadow } = this;
    if (this.pendingDebug !== 0 && (interruptShadow & SHADOW.movSs) === 0) {
      this.dr6 = (this.dr6 | this.pendingDebug) >>> 0;
      this.pendingDebug = 0;
      this.stop.instructionLength = 0;
      const stop = this.#deliveries.raise(VECTOR.db, -1);
      return stop === RUNNING ? BORDER : stop;
    }
    if (this.windowRequest !== 0 && interruptShadow === 0) {
      const interrupt = (this.windowRequest & WINDOW.interrupt) !== 0 && (this.flagRest & RFLAGS.if) !== 0;
      if (interrupt || ((this.windowRequest & WINDOW.nmi) !== 0 && !this.nmiBlocked)) return STOP.window;
    }
    return this.halted ? STOP.halt : RUNNING;
  }

  /** The block at RIP, or a FETCH code. */
  #findBlock(): number {
    const kind = this.#fetchKind;
    this.#fetchKind = "entry";
    // The privilege in use is chosen again where AC decides about it, and so is what to run.
    this.needsLook = (this.flagRest & RFLAGS.ac) !== 0 || this.windowRequest !== 0;
    return this.#finder.find(kind);
  }

  #runBlocks(block: number): number {
    // Only the slice's part of the budget is in the context: instructionsRetired stays right for whoever asks meanwhile.
    const held = Math.max(0, this.budgetLeft - SLICE);
    this.budgetLeft -= held;
    this.#limit -= held;
    return this.#left(this.#interpreter.run(this.contextAddress, block), held);
  }

  /** Goes on after emitted code has returned a status; `held`: what the budget in the context was short of. */
  #left(status: number, held: number): number {
    const isResumed = this.#endsBehindIret();
    this.budgetLeft += held;
    this.#limit += held;
    if (isResumed) return this.#leftBehindIret(status);
    if (status !== STATUS.budget) return this.#leave(status);
    if (this.#jit?.isDue() === true) this.#compile();
    if (held > 0) return RUNNING;
    if (this.budgetLeft === 0) return STOP.budget;
    const rest = this.#finder.temporary(this.budgetLeft);
    if (rest <= 0) return this.#handover.fetchFailed(rest);
    const last = this.#interpreter.run(this.contextAddress, rest);
    return this.#endsBehindIret() ? this.#leftBehindIret(last) : this.#leave(last);
  }

  /** What a status of emitted code means. */
  #leave(status: number): number {
    if (status === STATUS.hot) return this.#hot();
    if (status === STATUS.resume) {
      this.#fetchKind = "resume";
      this.needsLook = true;
      return AGAIN;
    }
    let stop: number;
    if (status === STATUS.lookup) {
      if (this.windowRequest !== 0) this.#finder.refresh();
      stop = this.#handover.jumped();
    } else stop = this.#handover.handle(status);
    // A guest that needs the processor often never comes to the end of a slice.
    if (stop < 0 && this.#jit?.hasWaitedLong() === true) this.#compile();
    return stop;
  }

  /** True where the last instruction that emitted code has executed is an IRET that set RF. */
  #endsBehindIret(): boolean {
    const { i32 } = this.memory;
    const budget = i32[this.#resumedAt];
    if (budget === NOT_RESUMED) return false;
    i32[this.#resumedAt] = NOT_RESUMED;
    return budget === this.budgetLeft;
  }

  /** Emitted code does not set RF, which would end with the next instruction: it is still there if that does not happen. */
  #leftBehindIret(status: number): number {
    const before = this.#consumed();
    const stop = this.#leave(status);
    const isBetween = status === STATUS.lookup || status === STATUS.budget;
    if (isBetween || (stop !== RUNNING && this.#consumed() === before)) this.changeFlagRest(0, RFLAGS.rf);
    return stop;
  }

  /** What has been taken from the budget, for instructions and deliveries. */
  #consumed(): number {
    return this.#limit - this.budgetLeft;
  }

  /**
   * With RF set, as behind every IRET from a fault's handler, and no breakpoint that it could silence: all that is left of it
   * is that it ends with the next instruction, and stays where that does not happen.
   */
  #runResumed(block: number): number {
    const before = this.#consumed();
    this.changeFlagRest(RFLAGS.rf, 0);
    const stop = this.#runBlocks(block);
    if (stop !== RUNNING && this.#consumed() === before) this.changeFlagRest(0, RFLAGS.rf);
    return stop;
  }

  #hot(): number {
    const block = this.memory.i32[(this.contextAddress + CONTEXT.block) >> 2] as number;
    if (this.#jit?.request(block) === true) this.#compile();
    this.#askCompiler();
    return AGAIN;
  }

  /** Something may wait to be compiled: the next run asks, and the later ones again. */
  #askCompiler(): void {
    this.#isCompilerAsked = true;
    this.#lookAt = 0;
  }

  #compile(): void {
    this.#jit?.compile();
    this.#finder.refresh();
    this.#askCompiler();
  }

  /**
   * Runs a block of one instruction and no more: what comes behind it may be known, and emitted code would go on there.
   * STATUS.budget: it has happened.
   */
  #runOne(block: number): number {
    const held = this.budgetLeft - 1;
    this.budgetLeft -= held;
    this.#limit -= held;
    const { exceptionBitmap } = this;
    this.exceptionBitmap = ALL_EXCEPTIONS;
    const status = this.#interpreter.run(this.contextAddress, block);
    this.exceptionBitmap = exceptionBitmap;
    if (this.#endsBehindIret()) this.changeFlagRest(0, RFLAGS.rf);
    this.budgetLeft += held;
    this.#limit += held;
    // Emitted code has gone on to the next block, which is not for this time.
    if (status === STATUS.hot) this.#hot();
    return status === STATUS.hot || status === STATUS.resume ? STATUS.budget : status;
  }

  /** One instruction, with the breakpoints before it and the traps behind it. */
  #step(flags: number): number {
    const isShadowed = (this.interruptShadow & SHADOW.movSs) !== 0;
    if ((flags & RFLAGS.rf) === 0 && !isShadowed && this.#breakpoints.isArmed) {
      const met = this.#breakpoints.atInstruction(this.#linearRip());
      if (met !== 0) {
        this.dr6 = (this.dr6 | met) >>> 0;
        this.stop.instructionLength = 0;
        return this.#raiseInstructionBreakpoint();
      }
    }
    const before = this.instructionsRetired;
    const shadow = this.interruptShadow;
    const rip = this.rip;
    this.#breakpoints.met = 0;
    this.#handover.loadsRf = false;
    this.#system.instructions.suppressesTrap = false;
    const block = this.#finder.temporary(1);
    if (block <= 0) return this.#handover.fetchFailed(block);
    const status = this.#runOne(block);
    const stop =
      status === STATUS.lookup
        ? this.#handover.jumped()
        : status === STATUS.budget
          ? RUNNING
          : this.#handover.handle(status);
    if (this.instructionsRetired === before) return stop;
    if (this.interruptShadow === shadow) this.interruptShadow = 0;
    // A repetition goes on at the same place: it is not complete, and RF keeps its breakpoint quiet.
    if ((flags & RFLAGS.rf) !== 0 && !this.#handover.loadsRf && this.rip !== rip) this.changeFlagRest(RFLAGS.rf, 0);
    const isStepped = (flags & RFLAGS.tf) !== 0 && !this.#system.instructions.suppressesTrap;
    if (stop === RUNNING) this.pendingDebug |= this.#breakpoints.met | (isStepped ? DR6.bs : 0);
    // Where the budget ends here, a delivery is the next run's, but a stop belongs to the instruction that has just happened.
    const isDue = this.budgetLeft > 0 || this.#deliveries.isIntercepted(VECTOR.db);
    return stop === RUNNING && this.pendingDebug !== 0 && isDue ? this.#border() : stop;
  }

  #linearRip(): bigint {
    if (this.codeBits === 64) return this.rip;
    return BigInt.asUintN(32, this.segmentBase(SEGMENT.cs) + this.rip);
  }

  /** A fault whose RF in the pushed flags stays as it is: the handler sets it. */
  #raiseInstructionBreakpoint(): number {
    return this.#deliveries.raise(VECTOR.db, -1);
  }
}

/** Not a STOP, which is 0 or more: run() goes on. */
const RUNNING = DELIVERED;
/** An event was delivered between two instructions: what comes there is looked at again. */
const BORDER = -2;
/** run() goes on, where the instruction that comes next may be the one that it began with: nothing has happened to that. */
const AGAIN = -3;

/**
 * Instructions in one call of the interpreter at most: engines replace a running function's code by better one only when it
 * is called again, and a guest that computes without an exit would stay in the first, slow code for ever.
 */
const SLICE = 1 << 16;

/** Instructions after which the compiler is asked again while something waits to be compiled. */
const ASKED_AFTER = 256;

interface Parts {
  readonly interpreter: InterpreterExports;
  readonly selector: InstructionSelector;
  readonly connect: (tlb: SoftTlb, segments: SegmentCheck, writes: OwnCodeWrites) => void;
}
