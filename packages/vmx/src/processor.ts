/** What VMX needs of host-physical memory: the arena that holds VMXON and VMCS regions, bitmaps and MSR areas. */
export interface VmxMemory {
  /** Size of the arena; addresses from here on are not backed by memory. */
  readonly bytes: number;
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly u64: BigUint64Array;
}

/** What translation depends on. One object, reused from entry to entry. */
export interface MmuConfiguration {
  /** 0: no EPT, guest-physical addresses are host-physical. */
  eptPointer: number;
  cr0: number;
  cr3Low: number;
  cr3High: number;
  cr4: number;
  efer: number;
}

/** What `VmxMmu.loadPdptes` returns. */
export const PDPTE_LOAD = {
  ok: 0,
  /** A present entry has a reserved bit: #GP(0), or a failed VM entry. */
  reserved: 1,
  /** The EPT forbids reading the table. */
  stop: 2,
} as const;

/** What VMX needs of the MMU that the processor translates with. */
export interface VmxMmu {
  configure(configuration: MmuConfiguration): void;
  /** Loads the PDPTE registers from the table that bits 31:5 of CR3 name, all or none; a PDPTE_LOAD. */
  loadPdptes(cr3Low: number): number;
  /** Half 0..7 of the PDPTE registers: low and high of each of the four, as int32. */
  pdpteHalf(index: number): number;
  setPdpteHalf(index: number, value: number): void;
  /** Basic exit reason of the last stop: 48 or 49. */
  readonly stopReason: number;
  /** Exit qualification of the last EPT violation. */
  readonly qualification: number;
  readonly guestPhysicalAddress: number;
  /** Linear address last translated, as two int32. */
  readonly guestLinearLow: number;
  readonly guestLinearHigh: number;
}

/** Why the processor stopped, and the stopped instruction's operands. */
export interface VmxStopDetails {
  readonly instructionLength: number;
  readonly vector: number;
  readonly errorCode: number;
  /** INTERRUPTION_TYPE.* of the exception. */
  readonly eventType: number;
  readonly instruction: number;
  /** ModRM.reg and ModRM.rm with their extensions; rm is -1 for memory. */
  readonly operandReg: number;
  readonly operandRm: number;
  /** 16, 32 or 64. */
  readonly operandSize: number;
  /** Exit qualification of IN, OUT, INS or OUTS, int32. */
  readonly portQualification: number;
  readonly portAddressSize: number;
  readonly portSegment: number;
  /** Of an intercepted task switch: selector of the TSS, and source as the exit qualification has it. */
  readonly taskSelector: number;
  readonly taskSource: number;
  /** The instruction is an IRET that has ended the blocking of NMIs before it failed. */
  readonly unblockedNmi: boolean;
}

/** An event for delivery through the guest's vector table. */
export interface VmxEvent {
  vector: number;
  /** INTERRUPTION_TYPE.*. */
  type: number;
  /** -1: none. */
  errorCode: number;
  instructionLength: number;
}

/** MSRs that the processor's own instructions read (SYSCALL, SWAPGS, SYSENTER and their like). */
export interface VmxMsrState {
  star: bigint;
  lstar: bigint;
  cstar: bigint;
  fmask: bigint;
  kernelGsBase: bigint;
  tscAux: bigint;
  sysenterCs: bigint;
  sysenterEsp: bigint;
  sysenterEip: bigint;
}

/** What VMX needs of a processor; `Cpu` of cpu-executor is one. */
export interface VmxCpu {
  readonly stop: VmxStopDetails;
  run(budget: number): number;
  readonly instructionsRetired: number;
  /** What the last run() left of its budget. */
  readonly budgetLeft: number;
  getRegister(index: number): bigint;
  setRegister(index: number, value: bigint): void;
  rip: bigint;
  /** RIP as two int32. */
  readonly ripLow: number;
  readonly ripHigh: number;
  setRipPair(low: number, high: number): void;
  isAt(ripLow: number, ripHigh: number): boolean;
  /**
   * Moves RIP behind an instruction of so many bytes, which ends an interrupt shadow; false where the low half would overflow,
   * and then nothing has happened.
   */
  skip(bytes: number): boolean;
  rflagsNumber: number;
  /** The RFLAGS bits that are not arithmetic: IF and TF among them. */
  readonly flagRest: number;
  setSegmentRaw(
    index: number,
    selector: number,
    baseLow: number,
    baseHigh: number,
    limit: number,
    accessRights: number,
  ): void;
  segmentSelector(index: number): number;
  segmentBaseLow(index: number): number;
  segmentBaseHigh(index: number): number;
  segmentLimit(index: number): number;
  segmentAccessRights(index: number): number;
  gdtrBase: bigint;
  gdtrLimit: number;
  idtrBase: bigint;
  idtrLimit: number;
  cr0: number;
  cr2: bigint;
  cr3: bigint;
  cr4: number;
  cr8: number;
  efer: number;
  dr0: bigint;
  dr1: bigint;
  dr2: bigint;
  dr3: bigint;
  dr6: number;
  dr7: number;
  interruptShadow: number;
  /** RFLAGS.IF, at its place, and `interruptShadow`. */
  readonly interruptState: number;
  /** WINDOW bits of cpu-executor: run() stops with STOP.window where the guest would take an interrupt (1) or an NMI (2). */
  windowRequest: number;
  /** B3:B0 and BS of debug traps that wait behind a MOV SS. */
  pendingDebug: number;
  /** NMIs are blocked until the next IRET. */
  nmiBlocked: boolean;
  readonly msrState: VmxMsrState;
  /** Instructions (INTERCEPT numbers) at which run() stops: 1; the others it carries out itself. */
  readonly intercepts: Uint8Array;
  /** Exceptions (bit = vector) at which run() stops; the others it delivers itself, where their delivery succeeds. */
  exceptionBitmap: number;
  /** Called after the processor itself has changed CR0, CR3, CR4 or EFER. */
  onTranslationChange: (() => void) | undefined;
  flushTlb(): void;
  deliverEvent(event: VmxEvent): number;
}
