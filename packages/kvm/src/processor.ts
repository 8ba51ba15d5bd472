import { CONTEXT, Cpu, type CpuOptions, type MsrValues } from "@likex/cpu-executor";
import { GuestMmu } from "@likex/ept-mmu";
import type { HostMemory, HostPhysicalAddress } from "@likex/host-memory";
import { VMCS, VMX_STATUS, Vmx } from "@likex/vmx";
import { CR4 } from "./control-registers.ts";
import { adjustControls } from "./controls.ts";
import { type CpuidTableEntry, supportedCpuid } from "./cpuid-table.ts";
import { EmulationMmu } from "./emulation-mmu.ts";
import { EmulatedKvmError } from "./errors.ts";
import type { Personality } from "./personality.ts";
import type { ControlWords, TraceSink } from "./trace-events.ts";
import { initialVmcs, type VmcsWrite } from "./vmcs-setup.ts";

/** What the processor keeps of a vCPU while another one's state is in its registers. */
export interface LoadedVcpu {
  readonly vmcs: HostPhysicalAddress;
  /** The 16 general registers as 32-bit halves, in hardware order. RSP's place is in the VMCS. */
  readonly registers: Uint32Array;
  cr2: bigint;
  pkru: number;
  /** DR0 to DR3. */
  readonly breakpoints: bigint[];
  dr6: number;
  /** x87, SSE and XCR0: an image of `createFpuImage`. */
  readonly fpu: Uint8Array;
  /** MSRs that the VMCS does not hold. */
  readonly msrs: MsrValues;
}

export interface ProcessorOptions {
  readonly trace: TraceSink | undefined;
  readonly jit: CpuOptions["jit"];
}

const REGISTER_WORDS = 32;

/**
 * One logical processor with its VMX facility. All vCPUs take turns on it: the one loaded last has its VMCS current and
 * its general registers in the processor's.
 */
export class Processor {
  readonly memory: HostMemory;
  readonly personality: Personality;
  readonly cpu: Cpu;
  readonly vmx: Vmx;
  readonly mmu: EmulationMmu;
  readonly controls: ControlWords;
  /** Index of RAX's low half in `memory.u32`; register n is 2n further. */
  readonly registerIndex: number;
  readonly trace: TraceSink | undefined;
  /** What a guest's CPUID may say. */
  readonly supportedCpuid: readonly CpuidTableEntry[];
  readonly #initialVmcs: readonly VmcsWrite[];
  readonly #guestMmu: GuestMmu;
  #vms = 0;
  #vmxonRegion: HostPhysicalAddress | undefined;
  #loaded: LoadedVcpu | undefined;
  /** Of `#loaded`; 0 while there is none. */
  #loadedVmcs = 0;

  constructor(memory: HostMemory, personality: Personality, { trace, jit }: ProcessorOptions) {
    const guestMmu = new GuestMmu(memory, {
      physicalAddressWidth: personality.profile.physicalAddressWidth,
      guestPhysical: "kept",
      eptCapabilities: Number((personality.profile.msrs.IA32_VMX_EPT_VPID_CAP ?? 0n) & 0xffff_ffffn),
    });
    this.#guestMmu = guestMmu;
    this.memory = memory;
    this.personality = personality;
    this.trace = trace;
    this.mmu = new EmulationMmu(guestMmu);
    this.cpu = Cpu.create({ memory, mmu: this.mmu, ...(jit === undefined ? {} : { jit }) });
    this.vmx = new Vmx({
      cpu: this.cpu,
      memory,
      mmu: guestMmu,
      profile: personality.profile,
      ...(trace === undefined ? {} : { trace }),
    });
    this.registerIndex = (this.cpu.contextAddress + CONTEXT.gpr) >>> 2;
    this.controls = adjustControls(this.vmx, personality.wanted);
    this.supportedCpuid = supportedCpuid(this.controls.cpu2);
    this.#initialVmcs = initialVmcs(personality, this.controls);
  }

  /** Enters VMX operation for the first VM. */
  addVm(): void {
    if (this.#vms === 0) this.#enterVmxOperation();
    this.#vms++;
  }

  #enterVmxOperation(): void {
    const region = this.#allocateRegion("vmxon");
    this.#vmxonRegion = region;
    this.cpu.cr0 = 0x80050033;
    this.cpu.cr4 = 0x20 | CR4.VMXE;
    this.trace?.({ type: "cr4", value: this.cpu.cr4 });
    this.#expect("VMXON", this.vmx.vmxon(region));
  }

  /** Leaves VMX operation after the last VM. */
  removeVm(): void {
    this.#vms--;
    if (this.#vms > 0) return;
    this.vmx.vmxoff();
    this.cpu.cr4 &= ~CR4.VMXE;
    if (this.#vmxonRegion !== undefined) this.memory.releaseFrame(this.#vmxonRegion);
    this.#vmxonRegion = undefined;
    this.#forgetLoaded();
  }

  /** A VMCS region with its revision identifier, cleared. */
  createVmcs(): HostPhysicalAddress {
    const region = this.#allocateRegion("vmcs");
    this.#expect("VMCLEAR", this.vmx.vmclear(region));
    return region;
  }

  /** Writes the state of a new vCPU, which must be loaded, into its VMCS. */
  initializeVmcs(eptPointer: number): void {
    for (const [encoding, value] of this.#initialVmcs) this.vmx.vmwrite(encoding, value);
    this.vmx.vmwrite(VMCS.EPT_POINTER, BigInt(eptPointer));
  }

  /** Makes the vCPU's VMCS current and its general registers the processor's. */
  load(vcpu: LoadedVcpu): void {
    // By number: engines look at the kinds of two objects before they compare them.
    if (this.#loadedVmcs !== vcpu.vmcs) this.#exchange(vcpu);
  }

  #exchange(vcpu: LoadedVcpu): void {
    const loaded = this.#loaded;
    const { u32 } = this.memory;
    const at = this.registerIndex;
    if (loaded !== undefined) {
      for (let i = 0; i < REGISTER_WORDS; i++) loaded.registers[i] = u32[at + i]!;
      this.#saveControl(loaded);
      this.cpu.fpu.swapOut(loaded.fpu);
    }
    this.#expect("VMPTRLD", this.vmx.vmptrld(vcpu.vmcs));
    u32.set(vcpu.registers, at);
    const { cpu } = this;
    cpu.cr2 = vcpu.cr2;
    cpu.writePkru(vcpu.pkru);
    cpu.dr0 = vcpu.breakpoints[0]!;
    cpu.dr1 = vcpu.breakpoints[1]!;
    cpu.dr2 = vcpu.breakpoints[2]!;
    cpu.dr3 = vcpu.breakpoints[3]!;
    cpu.dr6 = vcpu.dr6;
    cpu.msrs.values = vcpu.msrs;
    cpu.fpu.swapIn(vcpu.fpu);
    this.#loaded = vcpu;
    this.#loadedVmcs = vcpu.vmcs;
  }

  #saveControl(loaded: LoadedVcpu): void {
    const { cpu } = this;
    loaded.cr2 = cpu.cr2;
    loaded.pkru = cpu.pkru;
    loaded.breakpoints[0] = cpu.dr0;
    loaded.breakpoints[1] = cpu.dr1;
    loaded.breakpoints[2] = cpu.dr2;
    loaded.breakpoints[3] = cpu.dr3;
    loaded.dr6 = cpu.dr6;
  }

  /** Takes a vCPU off the processor for good: its VMCS is cleared and freed. */
  dropVmcs(vcpu: LoadedVcpu): void {
    if (this.#loaded === vcpu) this.#forgetLoaded();
    this.vmx.vmclear(vcpu.vmcs);
    this.memory.releaseFrame(vcpu.vmcs);
  }

  #forgetLoaded(): void {
    this.#loaded = undefined;
    this.#loadedVmcs = 0;
  }

  dispose(): void {
    this.cpu.dispose();
    this.#guestMmu.dispose();
  }

  #allocateRegion(use: "vmxon" | "vmcs"): HostPhysicalAddress {
    const { revision } = this.personality.profile;
    const hpa = this.memory.allocateFrame();
    this.memory.u32[hpa >>> 2] = revision;
    this.trace?.({ type: "vmx_region", use, hpa, revision });
    return hpa;
  }

  #expect(instruction: string, status: number): void {
    if (status !== VMX_STATUS.succeed) {
      throw new EmulatedKvmError(
        `${instruction} failed with VMX status ${status}: the hypervisor's own state is broken`,
      );
    }
  }
}
