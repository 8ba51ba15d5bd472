import { type CpuidState, createFpuImage, createMsrValues, type MsrValues } from "@likex/cpu-executor";
import type { TdpMmu } from "@likex/ept-mmu";
import { type HostMemory, type HostPhysicalAddress, type HostVirtualAddress, hva } from "@likex/host-memory";
import { type LastExit, VMCS, type Vmx } from "@likex/vmx";
import { CR4 } from "./control-registers.ts";
import { type CpuidTableEntry, physicalWidthOf, reservedCr4Of } from "./cpuid-table.ts";
import { GPR } from "./gpr.ts";
import { MmioState } from "./mmio-state.ts";
import { readCr4 } from "./paging-mode.ts";
import type { LoadedVcpu, Processor } from "./processor.ts";
import { APIC_BASE, APIC_BASE_NOT_BOOT, RUN } from "./run-area.ts";
import type { TraceSink } from "./trace-events.ts";
import type { Vm } from "./vm.ts";

/** What KVM_RUN must finish before the guest goes on: the exit that the VMM has just answered. */
export const PENDING = { none: 0, in: 1, stringIn: 2, mmioRead: 3, mmioWrites: 4 } as const;

/** How KVM_RUN enters the guest: `plain` once it has run and nothing looks at each entry. */
export const ENTRY = { first: 0, plain: 1 } as const;

/** A virtual processor: its VMCS, its run area, and what the processor keeps of it while another vCPU runs. */
export class Vcpu implements LoadedVcpu {
  readonly vm: Vm;
  readonly id: number;
  // What each exit needs of the VM's processor, at hand.
  readonly processor: Processor;
  readonly memory: HostMemory;
  readonly vmx: Vmx;
  readonly lastExit: Readonly<LastExit>;
  readonly trace: TraceSink | undefined;
  /** KVM_RUN returns after some instructions. */
  readonly isLimited: boolean;
  /** Index of RAX's low half in `memory.u32` while the vCPU is loaded. */
  readonly registerIndex: number;
  readonly vmcs: HostPhysicalAddress;
  readonly registers: Uint32Array = new Uint32Array(32);
  cr2 = 0n;
  pkru = 0;
  cr8 = 0;
  /** Halves of IA32_APIC_BASE, int32. */
  apicBaseLow: number;
  apicBaseHigh = 0;
  readonly breakpoints: bigint[] = [0n, 0n, 0n, 0n];
  dr6 = 0xffff0ff0;
  readonly fpu: Uint8Array = createFpuImage();
  readonly msrs: MsrValues = createMsrValues();
  /** What CPUID answers. */
  cpuid: readonly CpuidTableEntry[] = [];
  /** Width of physical addresses, as the table tells it. */
  physicalAddressWidth: number = physicalWidthOf([]);
  /** CR4 bits that its table takes from the guest; none before a table is set. */
  reservedCr4 = 0;
  launched = false;
  /** ENTRY.*. */
  entry: number = ENTRY.first;
  /** KVM_RUN has entered the guest: the table cannot change any more. */
  hasEntered = false;
  /** Host-physical address of the run area: frames in one piece. */
  readonly runArea: HostPhysicalAddress;
  readonly runAreaAddress: HostVirtualAddress;
  /** Host-physical address of the data of port exits. */
  readonly ioData: number;
  /** The same from the start of the run area. */
  readonly ioDataOffset: number;
  readonly runBytes: Uint8Array;
  /** The run area in words: see RUN_WORD. */
  readonly run: Int32Array;
  /** PENDING.*, with the details of a port exit. */
  pending: number = PENDING.none;
  ioSize = 0;
  ioCount = 0;
  ioPort = 0;
  /** Where the IN is: it completes only if RIP is still there. */
  ioRipLow = 0;
  ioRipHigh = 0;
  ioInstructionLength = 0;
  /** Of INS and OUTS: what their address size leaves of RCX, RSI and RDI. */
  ioAddressMask = 0n;
  ioIsRep = false;
  #mmio: MmioState | undefined;

  /** Makes the vCPU and leaves it loaded on the VM's processor. */
  constructor(vm: Vm, id: number) {
    const { kernel, processor } = vm;
    const { personality } = processor;
    this.vm = vm;
    this.id = id;
    this.processor = processor;
    this.memory = kernel.memory;
    this.vmx = processor.vmx;
    this.lastExit = processor.vmx.lastExit;
    this.trace = kernel.trace;
    this.isLimited = kernel.instructionsPerRun !== Number.POSITIVE_INFINITY;
    this.registerIndex = processor.registerIndex;
    this.apicBaseLow = (id === 0 ? APIC_BASE : APIC_BASE_NOT_BOOT) | 0;
    const mapping = kernel.space.map({ length: personality.runAreaBytes, backing: "contiguous" });
    this.runAreaAddress = hva(mapping.address);
    let vmcs: HostPhysicalAddress | undefined;
    let tdp: TdpMmu;
    try {
      vmcs = processor.createVmcs();
      tdp = vm.tdp();
    } catch (error) {
      if (vmcs !== undefined) kernel.memory.releaseFrame(vmcs);
      kernel.space.unmap(this.runAreaAddress, personality.runAreaBytes);
      throw error;
    }
    this.vmcs = vmcs;
    this.runArea = mapping.hpa as HostPhysicalAddress;
    this.ioDataOffset = personality.ioDataOffset;
    this.ioData = this.runArea + personality.ioDataOffset;
    this.runBytes = kernel.memory.u8.subarray(this.runArea, this.runArea + personality.runAreaBytes);
    this.run = kernel.memory.i32.subarray(this.runArea >> 2, (this.runArea + personality.runAreaBytes) >> 2);
    kernel.trace?.({ type: "controls", controls: processor.controls });
    this.registers[GPR.rdx * 2] = personality.reset.rdx;
    processor.load(this);
    kernel.trace?.({ type: "vmcs_init", vmcs: this.vmcs });
    processor.initializeVmcs(tdp.eptPointer);
    if (personality.cpuid === "processor") this.setCpuid(processor.supportedCpuid);
    kernel.trace?.({ type: "mmu_root", rootHpa: tdp.rootHpa, eptPointer: tdp.eptPointer });
    kernel.trace?.({ type: "vcpu_created", id, runHpa: this.runArea });
  }

  /** The state of an instruction whose device memory the VMM provides; made at first use. */
  get mmio(): MmioState {
    this.#mmio ??= new MmioState();
    return this.#mmio;
  }

  get apicBase(): bigint {
    return (BigInt(this.apicBaseHigh >>> 0) << 32n) | BigInt(this.apicBaseLow >>> 0);
  }

  set apicBase(value: bigint) {
    this.apicBaseLow = Number(value & 0xffff_ffffn) | 0;
    this.apicBaseHigh = Number((value >> 32n) & 0xffff_ffffn) | 0;
  }

  get immediateExit(): boolean {
    return this.vm.kernel.memory.u8[this.runArea + RUN.immediateExit] !== 0;
  }

  /** Takes a CPUID table, and with it what the guest may do in CR4. */
  setCpuid(table: readonly CpuidTableEntry[]): void {
    const { processor } = this.vm;
    this.cpuid = table;
    this.physicalAddressWidth = physicalWidthOf(table);
    this.reservedCr4 = reservedCr4Of(table);
    processor.load(this);
    processor.vmx.vmwrite(VMCS.CR4_GUEST_HOST_MASK, CR4.hostOwned | BigInt(this.reservedCr4));
  }

  /** What CPUID shows beside the table. */
  cpuidState(): CpuidState {
    const { processor } = this.vm;
    processor.load(this);
    return { cr4: readCr4(processor.vmx), xcr0: processor.cpu.fpu.xcr0 };
  }

  destroy(): void {
    const { kernel, processor } = this.vm;
    processor.dropVmcs(this);
    kernel.space.unmap(this.runAreaAddress, this.runBytes.length);
    kernel.trace?.({ type: "vcpu_dropped", id: this.id });
  }
}
