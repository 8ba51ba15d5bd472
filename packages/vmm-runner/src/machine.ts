import { Kvm, type KvmDriver, RustKvm, type UserMapping, type Vcpu, type Vm } from "@likex/kvm-client";
import type { MicroVmConfig } from "./config.ts";
import { applyCpuid } from "./cpuid.ts";
import type { MemoryLayout, MemorySlot } from "./memory-layout.ts";

/** Flag of KVM_SET_USER_MEMORY_REGION (Linux Documentation/virt/kvm/api.rst, 4.35). */
const KVM_MEM_READONLY = 2;

/** What a driver holds for one virtual machine: files and mappings. */
export interface Machine {
  readonly vcpu: Vcpu;
  /** The memory behind each slot, in the order of the layout's slots. */
  readonly mappings: readonly UserMapping[];
  /** Closes and unmaps everything. */
  close(): void;
}

/** Opens the device and makes the VM, its memory and its vCPU. What was made of it is closed when a step fails. */
export function openMachine(
  driver: KvmDriver,
  { personality = "kvm", cpuid }: MicroVmConfig,
  layout: MemoryLayout,
): Machine {
  const undo: (() => void)[] = [];
  const close = (): void => {
    for (let step = undo.pop(); step !== undefined; step = undo.pop()) step();
  };
  try {
    const device = personality === "kvm" ? Kvm.open(driver) : RustKvm.open(driver);
    undo.push(() => device.close());
    const mappings: UserMapping[] = [];
    undo.push(() => {
      for (const mapping of mappings) mapping.unmap();
    });
    const vm = device.createVm();
    undo.push(() => vm.close());
    for (const slot of layout.slots) mappings.push(addSlot(vm, slot));
    const vcpu = vm.createVcpu(0);
    undo.push(() => vcpu.close());
    if (device instanceof Kvm) applyCpuid(device, vcpu, cpuid);
    return { vcpu, mappings, close };
  } catch (error) {
    close();
    throw error;
  }
}

function addSlot(vm: Vm, { slot, guestAddress, size, readOnly = false }: MemorySlot): UserMapping {
  const mapping = vm.mapMemory(size);
  try {
    vm.setUserMemoryRegion({
      slot,
      guestPhysAddr: guestAddress,
      memorySize: size,
      userspaceAddr: mapping.address,
      flags: readOnly ? KVM_MEM_READONLY : 0,
    });
  } catch (error) {
    mapping.unmap();
    throw error;
  }
  return mapping;
}
