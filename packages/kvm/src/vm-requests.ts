import { ERRNO, kvm_userspace_memory_region, offsetOf, sizeOf } from "@likex/kvm-abi";
import { KVM_MAX_VCPU_IDS, KVM_MAX_VCPUS } from "./capabilities.ts";
import type { MemoryRegion } from "./memslots.ts";
import type { IoctlArgument } from "./user-pointer.ts";
import { Vcpu } from "./vcpu.ts";
import type { Vm } from "./vm.ts";

const REGION = {
  slot: offsetOf(kvm_userspace_memory_region, "slot"),
  flags: offsetOf(kvm_userspace_memory_region, "flags"),
  guestPhysAddr: offsetOf(kvm_userspace_memory_region, "guest_phys_addr"),
  memorySize: offsetOf(kvm_userspace_memory_region, "memory_size"),
  userspaceAddr: offsetOf(kvm_userspace_memory_region, "userspace_addr"),
} as const;
const REGION_BYTES = sizeOf(kvm_userspace_memory_region);

/** KVM_SET_USER_MEMORY_REGION: 0 or the negated errno. */
export const setUserMemoryRegion = (vm: Vm, argument: IoctlArgument): number => {
  const { pointer } = vm.kernel;
  if (!pointer.copyIn(argument, REGION_BYTES)) return -ERRNO.EFAULT;
  const { view } = pointer;
  const wide = (offset: number): number => wideNumber(view.getUint32(offset, true), view.getUint32(offset + 4, true));
  const region: MemoryRegion = {
    slot: view.getUint32(REGION.slot, true),
    flags: view.getUint32(REGION.flags, true),
    guestPhysAddr: wide(REGION.guestPhysAddr),
    memorySize: wide(REGION.memorySize),
    userspaceAddr: wide(REGION.userspaceAddr),
  };
  return vm.setMemoryRegion(region);
};

/** Exact below 2^53; what is larger is beyond every limit of an address, and refused. */
const wideNumber = (low: number, high: number): number => high * 0x1_0000_0000 + low;

/** Makes a vCPU, or returns the negated errno for its id. */
export const createVcpu = (vm: Vm, id: number): Vcpu | number => {
  if (!(id >= 0 && id < KVM_MAX_VCPU_IDS) || vm.vcpus.size >= KVM_MAX_VCPUS) return -ERRNO.EINVAL;
  if (vm.vcpus.has(id)) return -ERRNO.EEXIST;
  const vcpu = new Vcpu(vm, id);
  vm.vcpus.set(id, vcpu);
  return vcpu;
};
