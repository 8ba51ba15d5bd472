import { type CheckContext, isEptPointerValid, secondaryControls } from "./control-checks.ts";
import { ControlRegisters } from "./control-registers.ts";
import { CPU_BASED, CPU_BASED2, INTERRUPTIBILITY } from "./controls.ts";
import { DIRTIED, DIRTY } from "./dirty.ts";
import { ENTRY_CHECK, EntryChecks } from "./entry-checks.ts";
import { InvalidBudgetError, NoCurrentVmcsError, NotInVmxOperationError } from "./errors.ts";
import { Events } from "./events.ts";
import { Exits } from "./exits.ts";
import type { Guest } from "./guest.ts";
import { isGuest64Bit } from "./guest-checks.ts";
import { GuestState, type LastExit } from "./guest-state.ts";
import { Instructions } from "./instructions.ts";
import { setExceptionIntercepts, setIntercepts } from "./intercepts.ts";
import { Io, type VmxPorts } from "./io.ts";
import { MsrFile } from "./msrs.ts";
import { NonRoot } from "./non-root.ts";
import { EXIT_REASON, EXIT_REASON_ENTRY_FAILURE, INVEPT_TYPE, VM_INSTRUCTION_ERROR, VMX_STATUS } from "./numbers.ts";
import type { VmxCpu, VmxMemory, VmxMmu } from "./processor.ts";
import { type Capabilities, capabilitiesOf, VMX_MSR, type VmxMsrName, type VmxProfile } from "./profile.ts";
import type { VmxTraceSink } from "./trace.ts";
import { Vmcs } from "./vmcs.ts";
import { VMCS_OFFSET, VMCS_REGION } from "./vmcs-fields.ts";
import { SLOT, slotOfEncoding } from "./vmcs-slots.ts";

const NO_POINTER = -1;
const LARGEST_BUDGET = 0x7fffffff;
/** LOCAL_TIMER_VECTOR of Linux. */
const TIMER_VECTOR = 0xec;
const RFLAGS_IF = 0x200;
const NO_LINK = 0xffffffff;
// Copies for the way of each exit: compilers load a field of an imported object anew, and know a constant of the file.
const { GUEST_RIP, GUEST_INTERRUPTIBILITY_INFO: INTERRUPTIBILITY_INFO } = VMCS_OFFSET;
const BLOCKED_BY_STI_OR_MOV_SS = INTERRUPTIBILITY.sti | INTERRUPTIBILITY.movSs;
const { indexShift: INDEX_SHIFT, processor: PROCESSOR } = SLOT;
const { succeed: SUCCEED } = VMX_STATUS;
/** Controls under which there may be an exit before or behind each instruction. */
const LOOKS_AT_INSTRUCTIONS = CPU_BASED.interruptWindowExiting | CPU_BASED.nmiWindowExiting | CPU_BASED.monitorTrapFlag;
/** What a VMWRITE of RIP sets: all that a hypervisor changes when it skips an instruction. */
const RIP_WRITTEN = DIRTY.rip | DIRTY.checkRip;
const ENTRY_WITH_INVALID_GUEST_STATE = EXIT_REASON_ENTRY_FAILURE + EXIT_REASON.ENTRY_FAILURE_GUEST_STATE;
const ENTRY_WITH_FAILED_MSR_LOAD = EXIT_REASON_ENTRY_FAILURE + EXIT_REASON.ENTRY_FAILURE_MSR_LOADING;

export interface VmxOptions {
  /** The processor; between entries its guest state belongs to this object, general registers except RSP, CR2, CR8, DR0-3 and DR6 to software. */
  readonly cpu: VmxCpu;
  readonly memory: VmxMemory;
  /** The MMU that `cpu` translates with. */
  readonly mmu: VmxMmu;
  readonly profile: VmxProfile;
  readonly trace?: VmxTraceSink;
  /** Ports that the guest reaches without an exit. Default: reads give all ones, writes are lost. */
  readonly ports?: VmxPorts;
  /** The host's time-stamp counter. Default: counts the processor's retired instructions. */
  readonly readTsc?: () => bigint;
  /** Vector 0..255 of the host interrupt that ends a budget, for "acknowledge interrupt on exit". Default 0xec. */
  readonly interruptVector?: number;
}

/**
 * The VMX facility of one logical processor (SDM Vol 3C, "VMX Instruction Reference", "VM Entries", "VM Exits"). Methods are
 * the VMX instructions; they return VMX_STATUS.*, with the error number in VM_INSTRUCTION_ERROR of the current VMCS.
 */
export class Vmx {
  /** The same object at every exit. */
  readonly lastExit: Readonly<LastExit>;
  readonly #profile: VmxProfile;
  readonly #capabilities: Capabilities;
  readonly #memory: VmxMemory;
  readonly #trace: VmxTraceSink | undefined;
  readonly #vmcs: Vmcs;
  readonly #cpu: VmxCpu;
  readonly #context: CheckContext;
  readonly #checks: EntryChecks;
  readonly #state: GuestState;
  readonly #msrs: MsrFile;
  readonly #exits: Exits;
  readonly #nonRoot: NonRoot;
  /** 0: not in VMX operation. */
  #vmxonPointer = 0;
  /** Counts VMXONs: a VMCS launched before the last one cannot be resumed. */
  #session = 0;
  /** DIRTY bits of the current VMCS. */
  #dirty: number = DIRTY.all;
  /**
   * While nothing but RIP is dirty, an entry does not need more than RIP: the last one found all that it loads in order, and
   * nothing that it must read again each time.
   */
  #isRepeatable = false;
  /** SLOT.readOnly where such components cannot be written. */
  readonly #readOnly: number;

  constructor(options: VmxOptions) {
    const { cpu, memory, mmu, profile, trace } = options;
    this.#profile = profile;
    this.#capabilities = capabilitiesOf(profile);
    this.#readOnly = this.#capabilities.vmwriteToReadOnly ? 0 : SLOT.readOnly;
    this.#memory = memory;
    this.#trace = trace;
    this.#cpu = cpu;
    this.#vmcs = new Vmcs(memory);
    this.#state = new GuestState(this.#vmcs, cpu, mmu);
    this.lastExit = this.#state.lastExit;
    cpu.onTranslationChange = () => this.#state.contextChanged();
    const physicalLimit = 2 ** profile.physicalAddressWidth;
    this.#context = {
      vmcs: this.#vmcs,
      capabilities: this.#capabilities,
      physicalLimit,
      readPhysical32: (address) => memory.u32[address / 4] ?? 0xffffffff,
    };
    this.#checks = new EntryChecks(this.#context);
    const guest: Guest = {
      vmcs: this.#vmcs,
      cpu,
      mmu,
      memory,
      state: this.#state,
      capabilities: this.#capabilities,
      physicalLimit,
    };
    this.#msrs = new MsrFile(guest, options.readTsc ?? (() => BigInt(cpu.instructionsRetired)));
    this.#exits = new Exits(guest, this.#msrs, options.interruptVector ?? TIMER_VECTOR, trace);
    const events = new Events(guest, this.#exits);
    const controlRegisters = new ControlRegisters(guest, this.#exits, events);
    const instructions = new Instructions(guest, this.#exits, events, controlRegisters, this.#msrs);
    this.#nonRoot = new NonRoot(guest, this.#exits, events, instructions, new Io(guest, this.#exits, options.ports));
  }

  /** Capability MSRs 0x480..0x491; undefined where RDMSR raises #GP. */
  readMsr(index: number): bigint | undefined {
    for (const name of Object.keys(VMX_MSR) as VmxMsrName[])
      if (VMX_MSR[name] === index) return this.#profile.msrs[name];
    return undefined;
  }

  /** True between VMXON and VMXOFF. */
  get inVmxOperation(): boolean {
    return this.#vmxonPointer !== 0;
  }

  /** VMXON; `region` is the host-physical address of the 4 KiB VMXON region, with the revision identifier in its first 4 bytes. */
  vmxon(region: number): number {
    if (this.inVmxOperation) return this.#fail("vmxon", VM_INSTRUCTION_ERROR.VMXON_IN_ROOT);
    const revision = this.#isRegion(region) ? this.#context.readPhysical32(region) : -1;
    if (revision !== this.#capabilities.revision) return this.#failInvalid("vmxon");
    this.#vmxonPointer = region;
    this.#session++;
    this.#vmcs.base = 0;
    this.#trace?.({ type: "vmxon", region, revision });
    return VMX_STATUS.succeed;
  }

  /** VMXOFF. */
  vmxoff(): number {
    this.#requireVmxOperation("vmxoff");
    this.#vmxonPointer = 0;
    this.#makeCurrent(0);
    this.#trace?.({ type: "vmxoff" });
    return VMX_STATUS.succeed;
  }

  /** VMCLEAR: launch state "clear"; if it is the current VMCS there is none afterwards. */
  vmclear(region: number): number {
    this.#requireVmxOperation("vmclear");
    if (!this.#isRegion(region)) return this.#fail("vmclear", VM_INSTRUCTION_ERROR.VMCLEAR_INVALID_ADDRESS);
    if (region === this.#vmxonPointer) return this.#fail("vmclear", VM_INSTRUCTION_ERROR.VMCLEAR_VMXON_POINTER);
    if (region < this.#memory.bytes) this.#memory.u32[(region + VMCS_REGION.launchState) / 4] = 0;
    if (region === this.#vmcs.base) this.#makeCurrent(0);
    this.#trace?.({ type: "vmclear", vmcs: region });
    return VMX_STATUS.succeed;
  }

  /** VMPTRLD: makes the VMCS of a region current. */
  vmptrld(region: number): number {
    this.#requireVmxOperation("vmptrld");
    if (!this.#isRegion(region)) return this.#fail("vmptrld", VM_INSTRUCTION_ERROR.VMPTRLD_INVALID_ADDRESS);
    if (region === this.#vmxonPointer) return this.#fail("vmptrld", VM_INSTRUCTION_ERROR.VMPTRLD_VMXON_POINTER);
    if (this.#context.readPhysical32(region) !== this.#capabilities.revision)
      return this.#fail("vmptrld", VM_INSTRUCTION_ERROR.VMPTRLD_INCORRECT_REVISION);
    if (region !== this.#vmcs.base) {
      this.#makeCurrent(region);
      this.#dirty = DIRTY.all;
    }
    this.#trace?.({ type: "vmptrld", vmcs: region });
    return VMX_STATUS.succeed;
  }

  /** VMPTRST: address of the current VMCS; -1, that is all ones, if there is none. */
  vmptrst(): number {
    this.#requireVmxOperation("vmptrst");
    return this.#vmcs.base === 0 ? NO_POINTER : this.#vmcs.base;
  }

  /** VMREAD; undefined after VMfail (no current VMCS, or no such component). */
  vmread(encoding: number): bigint | undefined {
    const slot = slotOfEncoding(encoding);
    if ((slot === 0 || (slot & this.#vmcs.guard) !== 0) && !this.#prepare("vmread", slot)) return undefined;
    return this.#vmcs.read(slot);
  }

  /** VMREAD of bits 31:0, unsigned; 0 after VMfail. */
  vmread32(encoding: number): number {
    const slot = slotOfEncoding(encoding);
    if ((slot === 0 || (slot & this.#vmcs.guard) !== 0) && !this.#prepare("vmread", slot)) return 0;
    return this.#vmcs.read32(slot);
  }

  /** VMREAD as a number, exact below 2^53; 0 after VMfail. */
  vmreadNumber(encoding: number): number {
    const slot = slotOfEncoding(encoding);
    if ((slot === 0 || (slot & this.#vmcs.guard) !== 0) && !this.#prepare("vmread", slot)) return 0;
    return this.#vmcs.readNumber(slot);
  }

  /** VMWRITE; bits beyond the field's width are ignored. */
  vmwrite(encoding: number, value: bigint): number {
    const slot = slotOfEncoding(encoding);
    if ((slot === 0 || (slot & (this.#vmcs.guard | this.#readOnly)) !== 0) && !this.#prepareWrite(slot))
      return this.#lastFailure;
    this.#vmcs.write(slot, value);
    this.#dirty |= DIRTIED[slot >>> INDEX_SHIFT]!;
    return VMX_STATUS.succeed;
  }

  /** VMWRITE of an integer from 0 to 2^53-1, without a bigint. */
  vmwriteNumber(encoding: number, value: number): number {
    const slot = slotOfEncoding(encoding);
    if ((slot === 0 || (slot & (this.#vmcs.guard | this.#readOnly)) !== 0) && !this.#prepareWrite(slot))
      return this.#lastFailure;
    this.#vmcs.writeNumber(slot, value);
    this.#dirty |= DIRTIED[slot >>> INDEX_SHIFT]!;
    return VMX_STATUS.succeed;
  }

  /**
   * Whether the guest can take an interrupt: RFLAGS.IF (bit 9), and blocking by STI (bit 0) and MOV SS (bit 1). A VMREAD of
   * GUEST_RFLAGS has the processor put all of the flags together first.
   */
  get interruptState(): number {
    return this.#state.isHeld ? this.#cpu.interruptState : this.#savedInterruptState();
  }

  #savedInterruptState(): number {
    const vmcs = this.#vmcs;
    const inProcessor = (vmcs.guard & PROCESSOR) !== 0;
    const flags = inProcessor ? this.#cpu.flagRest : vmcs.low(VMCS_OFFSET.GUEST_RFLAGS);
    return (flags & RFLAGS_IF) | (vmcs.low(INTERRUPTIBILITY_INFO) & BLOCKED_BY_STI_OR_MOV_SS);
  }

  /** RFLAGS.IF of the current VMCS. */
  get interruptFlag(): boolean {
    return (this.interruptState & RFLAGS_IF) !== 0;
  }

  /** GUEST_RIP is the address whose halves, as int32, are given. */
  isGuestAt(ripLow: number, ripHigh: number): boolean {
    return this.#state.isHeld ? this.#cpu.isAt(ripLow, ripHigh) : this.#isSavedAt(ripLow, ripHigh);
  }

  #isSavedAt(ripLow: number, ripHigh: number): boolean {
    this.#requireCurrent("isGuestAt");
    return (this.#vmcs.low(GUEST_RIP) | 0) === ripLow && (this.#vmcs.high(GUEST_RIP) | 0) === ripHigh;
  }

  /**
   * What software writes after it has carried out the guest's instruction of `bytes` bytes: GUEST_RIP, which has 32 bits
   * outside 64-bit mode, and the end of blocking by STI or MOV SS.
   */
  completeInstruction(bytes: number): void {
    if (!this.#state.isHeld || !this.#cpu.skip(bytes)) this.#completeSaved(bytes);
  }

  #completeSaved(bytes: number): void {
    this.#requireCurrent("completeInstruction");
    if (this.#state.isHeld) this.#state.settle();
    const vmcs = this.#vmcs;
    const blocking = vmcs.low(INTERRUPTIBILITY_INFO);
    const low = vmcs.low(GUEST_RIP) + bytes;
    vmcs.setLow(GUEST_RIP, low);
    this.#dirty |= RIP_WRITTEN;
    if ((blocking & BLOCKED_BY_STI_OR_MOV_SS) !== 0) {
      vmcs.setLow(INTERRUPTIBILITY_INFO, blocking & ~BLOCKED_BY_STI_OR_MOV_SS);
      this.#dirty |= DIRTY.nonRegister | DIRTY.checkGuest;
    }
    if (low <= 0xffffffff && vmcs.high(GUEST_RIP) === 0) return;
    this.#state.settle();
    const carry = low > 0xffffffff ? 1 : 0;
    const high = isGuest64Bit(this.#context) ? vmcs.high(GUEST_RIP) + carry : 0;
    vmcs.setPair(GUEST_RIP, low, high);
  }

  /**
   * VMLAUNCH. `budget` (1..2^31-1): guest instructions until a host interrupt is pending, which is VM exit 1. Succeeds when
   * the guest ran and exited, and also when the entry failed with an exit (bit 31 of VM_EXIT_REASON).
   */
  vmlaunch(budget: number): number {
    this.#requireVmxOperation("vmlaunch");
    requireBudget(budget);
    if (this.#vmcs.base === 0) return this.#failInvalid("vmlaunch");
    if (this.#vmcs.launched) return this.#fail("vmlaunch", VM_INSTRUCTION_ERROR.VMLAUNCH_NON_CLEAR_VMCS);
    return this.#enter("vmlaunch", budget);
  }

  /** What the last VM entry has left of its budget, of which events that were delivered have taken their part. */
  get budgetLeft(): number {
    return this.#nonRoot.budgetLeft;
  }

  /** VMRESUME; as VMLAUNCH, for a VMCS that was launched. */
  vmresume(budget: number): number {
    // A held exit came from a guest that this entry would find as it is.
    if (this.#state.isHeld && this.#dirty === 0 && isBudget(budget)) {
      this.#nonRoot.resumeHeld(budget);
      return SUCCEED;
    }
    return this.#resume(budget);
  }

  #resume(budget: number): number {
    const repeats = this.#isRepeatable && (this.#dirty & ~RIP_WRITTEN) === 0 && !this.#state.hasPendingDebug;
    if (repeats && isBudget(budget) && this.#state.loadRip()) {
      this.#dirty = 0;
      this.#nonRoot.resume(budget);
      return SUCCEED;
    }
    this.#requireVmxOperation("vmresume");
    requireBudget(budget);
    if (this.#vmcs.base === 0) return this.#failInvalid("vmresume");
    if (!this.#vmcs.launched) return this.#fail("vmresume", VM_INSTRUCTION_ERROR.VMRESUME_NON_LAUNCHED_VMCS);
    if (this.#vmcs.session !== this.#session) return this.#fail("vmresume", VM_INSTRUCTION_ERROR.VMRESUME_AFTER_VMXOFF);
    return this.#enter("vmresume", budget);
  }

  /** INVEPT; `type` is INVEPT_TYPE.*. */
  invept(type: number, eptPointer: number): number {
    this.#requireVmxOperation("invept");
    const { inveptSingle, inveptAll } = this.#capabilities;
    const isSingle = type === INVEPT_TYPE.singleContext && inveptSingle;
    const isValid = isSingle
      ? isEptPointerValid(this.#context, BigInt(eptPointer))
      : type === INVEPT_TYPE.allContexts && inveptAll;
    if (!isValid) return this.#fail("invept", VM_INSTRUCTION_ERROR.INVALID_OPERAND_TO_INVEPT_INVVPID);
    // The processor keeps translations of one address space only, so both types drop them all.
    this.#cpu.flushTlb();
    this.#trace?.({ type: "invept", invalidation: type, eptPointer });
    return VMX_STATUS.succeed;
  }

  /** Brings the processor's guest state up to date with the current VMCS, for software that emulates instructions on it. */
  loadGuestState(): void {
    this.#requireCurrent("loadGuestState");
    this.#state.settle();
    this.#state.load(this.#dirty);
    this.#dirty &= ~DIRTY.state;
    this.#isRepeatable = false;
  }

  /** Saves the processor's guest state to the current VMCS. Fields written since the last entry or loadGuestState win over it. */
  saveGuestState(): void {
    this.loadGuestState();
    this.#state.save("keep");
    this.#dirty |= DIRTY.checks;
  }

  #enter(instruction: "vmlaunch" | "vmresume", budget: number): number {
    const vmcs = this.#vmcs;
    this.#isRepeatable = false;
    this.#state.settle();
    const failed = this.#checks.check(this.#dirty);
    if (failed !== ENTRY_CHECK.passed) {
      if (failed === ENTRY_CHECK.controls)
        return this.#fail(instruction, VM_INSTRUCTION_ERROR.ENTRY_INVALID_CONTROL_FIELDS, this.#checks.failure);
      if (failed === ENTRY_CHECK.host)
        return this.#fail(instruction, VM_INSTRUCTION_ERROR.ENTRY_INVALID_HOST_STATE, this.#checks.failure);
      return this.#entryFailure(ENTRY_WITH_INVALID_GUEST_STATE, this.#checks.qualification, this.#checks.failure);
    }
    const dirty = this.#dirty;
    this.#state.load(dirty);
    this.#dirty = 0;
    const msrs = vmcs.low(VMCS_OFFSET.VM_ENTRY_MSR_LOAD_COUNT);
    if (msrs !== 0) {
      const entry = this.#msrs.loadGuest(vmcs.number(VMCS_OFFSET.VM_ENTRY_MSR_LOAD_ADDR), msrs);
      if (entry !== 0) {
        this.#dirty = DIRTY.all;
        return this.#entryFailure(ENTRY_WITH_FAILED_MSR_LOAD, entry, `VM-entry MSR-load area: entry ${entry}`);
      }
    }
    if (dirty & (DIRTY.control | DIRTY.checkControls)) setIntercepts(this.#cpu, vmcs);
    setExceptionIntercepts(this.#cpu, vmcs);
    this.#trace?.({ type: "vmentry", launched: vmcs.launched, rip: vmcs.wide(VMCS_OFFSET.GUEST_RIP) });
    vmcs.launched = true;
    vmcs.session = this.#session;
    const usesEpt = (secondaryControls(vmcs) & CPU_BASED2.enableEpt) !== 0;
    this.#isRepeatable =
      this.#trace === undefined && usesEpt && msrs === 0 && vmcs.low(VMCS_OFFSET.VMCS_LINK_POINTER) === NO_LINK;
    // Whoever reads a trace looks at the region itself.
    this.#state.isLazy = this.#isRepeatable;
    const isWatched = (vmcs.low(VMCS_OFFSET.CPU_BASED_VM_EXEC_CONTROL) & LOOKS_AT_INSTRUCTIONS) !== 0;
    this.#state.holdsExits = this.#isRepeatable && !vmcs.hasExitMsrs && !isWatched;
    this.#nonRoot.run(budget);
    return VMX_STATUS.succeed;
  }

  #entryFailure(reason: number, qualification: number, check: string): number {
    this.#exits.entryFailure(reason, qualification, check);
    return VMX_STATUS.succeed;
  }

  #lastFailure = 0;

  /** The long way to a component: false after VMfail, else its field in the VMCS holds what it should. */
  #prepare(instruction: string, slot: number): boolean {
    if (this.#vmcs.base === 0) {
      this.#requireVmxOperation(instruction);
      this.#lastFailure = this.#failInvalid(instruction);
      return false;
    }
    if (slot === 0) {
      this.#lastFailure = this.#fail(instruction, VM_INSTRUCTION_ERROR.UNSUPPORTED_COMPONENT);
      return false;
    }
    this.#state.settle();
    return true;
  }

  #prepareWrite(slot: number): boolean {
    if (!this.#prepare("vmwrite", slot)) return false;
    if ((slot & this.#readOnly) === 0) return true;
    this.#lastFailure = this.#fail("vmwrite", VM_INSTRUCTION_ERROR.VMWRITE_READ_ONLY_COMPONENT);
    return false;
  }

  /** Makes a region the current VMCS, or with 0 none; what the processor still holds of the one before goes to its region. */
  #makeCurrent(region: number): void {
    this.#state.settle();
    this.#isRepeatable = false;
    this.#vmcs.base = region;
  }

  /** VMfail: VMfailValid with a current VMCS, else VMfailInvalid. */
  #fail(instruction: string, error: number, check = ""): number {
    if (this.#vmcs.base === 0) return this.#failInvalid(instruction);
    this.#vmcs.setLow(VMCS_OFFSET.VM_INSTRUCTION_ERROR, error);
    this.#trace?.({ type: "vmfail", instruction, error, check });
    return VMX_STATUS.failValid;
  }

  #failInvalid(instruction: string): number {
    this.#trace?.({ type: "vmfail", instruction, error: 0, check: "" });
    return VMX_STATUS.failInvalid;
  }

  /** 4 KiB-aligned and within the physical-address width; frame 0 is no region. */
  #isRegion(address: number): boolean {
    return address > 0 && address % VMCS_REGION.bytes === 0 && address < this.#context.physicalLimit;
  }

  #requireVmxOperation(what: string): void {
    if (!this.inVmxOperation)
      throw new NotInVmxOperationError(
        `${what} outside VMX operation, where a processor raises #UD: call vmxon first.`,
      );
  }

  #requireCurrent(what: string): void {
    if (this.#vmcs.base === 0) throw new NoCurrentVmcsError(`${what} without a current VMCS: call vmptrld first.`);
  }
}

/** An integer from 1 to LARGEST_BUDGET. */
const isBudget = (budget: number): boolean => (budget | 0) === budget && budget > 0;

const requireBudget = (budget: number): void => {
  if (!isBudget(budget))
    throw new InvalidBudgetError(`budget ${budget} is not an integer from 1 to ${LARGEST_BUDGET} instructions.`);
};
