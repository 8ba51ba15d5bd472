import { Cpu } from "@likex/cpu-executor";
import { GuestMmu, SPTE_FORMAT, TdpMmu } from "@likex/ept-mmu";
import { HostMemory, type HostPhysicalAddress } from "@likex/host-memory";
import { PROFILES, VMCS, VMX_STATUS, type VmcsFieldName, Vmx } from "../src/index.ts";
import { VALID } from "./machine.ts";

/** The processor, MMU and memory of this project under a Vmx: a real-mode guest with one page of memory at 0. */
export class RealMachine {
  readonly memory: HostMemory = HostMemory.create({ bytes: 16 << 20 });
  readonly mmu: GuestMmu = new GuestMmu(this.memory);
  readonly cpu: Cpu = Cpu.create({ memory: this.memory, mmu: this.mmu });
  readonly tdp: TdpMmu = new TdpMmu(this.memory, { format: SPTE_FORMAT.likex });
  readonly vmx: Vmx = new Vmx({ cpu: this.cpu, memory: this.memory, mmu: this.mmu, profile: PROFILES.likex });
  readonly page: HostPhysicalAddress = this.memory.allocateFrame();
  #launched = false;

  constructor(code: readonly number[], fields: Partial<Record<VmcsFieldName, bigint>> = {}) {
    this.memory.u8.set(code, this.page);
    const [vmxon, vmcs] = [this.memory.allocateFrame(), this.memory.allocateFrame()];
    for (const region of [vmxon, vmcs]) this.memory.u32[region / 4] = PROFILES.likex.revision;
    this.vmx.vmxon(vmxon);
    this.vmx.vmclear(vmcs);
    this.vmx.vmptrld(vmcs);
    const all = { ...VALID, EPT_POINTER: BigInt(this.tdp.eptPointer), ...fields };
    for (const [name, value] of Object.entries(all)) this.write(name as VmcsFieldName, value);
  }

  /** Maps guest frame 0 to the page with the code. */
  map(): this {
    this.tdp.map(0, this.page / 4096, { write: true, execute: true });
    return this;
  }

  /** Enters the guest and returns the exit reason. */
  enter(budget = 1000): number {
    const status = this.#launched ? this.vmx.vmresume(budget) : this.vmx.vmlaunch(budget);
    if (status !== VMX_STATUS.succeed) throw new Error(`VMfail ${this.number("VM_INSTRUCTION_ERROR")}`);
    this.#launched = true;
    return this.number("VM_EXIT_REASON");
  }

  /** Moves past the instruction that exited. */
  advance(): void {
    this.write("GUEST_RIP", BigInt(this.number("GUEST_RIP") + this.number("VM_EXIT_INSTRUCTION_LEN")));
  }

  write(name: VmcsFieldName, value: bigint): void {
    this.vmx.vmwrite(VMCS[name], value);
  }

  number(name: VmcsFieldName): number {
    return this.vmx.vmreadNumber(VMCS[name]);
  }
}
