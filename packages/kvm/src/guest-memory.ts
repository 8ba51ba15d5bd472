import { ACCESS, MMIO_RESULT, MMU_RESULT } from "@likex/cpu-executor";
import { hpa } from "@likex/host-memory";
import type { DeviceMemory } from "./emulation-mmu.ts";
import type { Vcpu } from "./vcpu.ts";
import { MAP_RESULT, type Vm } from "./vm.ts";

/** How an access of the hypervisor to guest memory ended. */
export const GUEST_ACCESS = {
  done: 0,
  pageFault: 1,
  noMemory: 2,
  badUserAddress: 3,
  outOfMemory: 4,
  nonCanonical: 5,
} as const;

/** An operand in guest memory, and the host-physical place that it is copied to (`read`) or from (`write`). */
export interface GuestOperand {
  readonly linear: bigint;
  /** Bytes: 1, 2 or 4. */
  readonly size: number;
  readonly access: "read" | "write";
  readonly hostPhysical: number;
}

const CPL_USER = 3;
const RFLAGS_AC = 1 << 18;
const SS = 2;

/** Maps pages that memory stands behind and refuses device memory: INS and OUTS there are not emulated. */
class MemoryOnly implements DeviceMemory {
  readonly #vm: Vm;
  failure: number = GUEST_ACCESS.noMemory;

  constructor(vm: Vm) {
    this.#vm = vm;
  }

  mapPage(guestPhysical: number, access: number): boolean {
    const result = this.#vm.mapPage(guestPhysical, access === ACCESS.write ? "write" : "read");
    if (result === MAP_RESULT.badUserAddress) this.failure = GUEST_ACCESS.badUserAddress;
    if (result === MAP_RESULT.outOfMemory) this.failure = GUEST_ACCESS.outOfMemory;
    return result === MAP_RESULT.mapped;
  }

  read(): number {
    return MMIO_RESULT.stop;
  }

  write(): number {
    return MMIO_RESULT.stop;
  }

  restart(): void {
    // No read was answered.
  }
}

/**
 * Copies an operand as the guest's own access would: through its page tables with its privilege, then the EPT. The
 * vCPU's guest state must be in the processor. Nothing is copied unless all of it can be. A GUEST_ACCESS.
 */
export const transferOperand = (vcpu: Vcpu, operand: GuestOperand): number => {
  const { kernel, processor } = vcpu.vm;
  const { mmu } = processor;
  const devices = new MemoryOnly(vcpu.vm);
  mmu.devices = devices;
  const first = resolve(vcpu, operand, 0, devices);
  const offset = Number(operand.linear & 0xfffn);
  const isSplit = offset + operand.size > 4096;
  const last = isSplit && first >= 0 ? resolve(vcpu, operand, operand.size - 1, devices) : first;
  mmu.devices = undefined;
  if (first < 0) return ~first;
  if (last < 0) return ~last;
  const { u8 } = kernel.memory;
  const inFirst = Math.min(operand.size, 4096 - offset);
  for (let index = 0; index < operand.size; index++) {
    const guest = index < inFirst ? first + index : last - (operand.size - 1 - index);
    if (operand.access === "read") u8[operand.hostPhysical + index] = u8[guest]!;
    else u8[guest] = u8[operand.hostPhysical + index]!;
  }
  if (operand.access === "write") {
    kernel.memory.noteWrite(hpa(first));
    if (isSplit) kernel.memory.noteWrite(hpa(last));
  }
  return GUEST_ACCESS.done;
};

/** Host-physical address of the operand's byte `at`, or the complement of a GUEST_ACCESS. */
const resolve = (vcpu: Vcpu, operand: GuestOperand, at: number, devices: MemoryOnly): number => {
  const { mmu, cpu } = vcpu.vm.processor;
  const linear = operand.linear + BigInt(at);
  const cpl = (cpu.cr0 & 1) === 0 ? 0 : (cpu.segmentAccessRights(SS) >> 5) & 3;
  const kind = operand.access === "write" ? ACCESS.write : ACCESS.read;
  const privilege = cpl === CPL_USER ? ACCESS.user : (cpu.rflagsNumber & RFLAGS_AC) !== 0 ? ACCESS.userAllowed : 0;
  const low = Number(BigInt.asIntN(32, linear));
  const result = mmu.translate(low, Number(linear >> 32n) | 0, kind | privilege);
  if (result === MMU_RESULT.ok) return mmu.hostPage + (low & 0xfff);
  if (result === MMU_RESULT.pageFault) return ~GUEST_ACCESS.pageFault;
  return ~(result === MMU_RESULT.nonCanonical ? GUEST_ACCESS.nonCanonical : devices.failure);
};
