import { KVM_CAP } from "@likex/kvm-abi";
import { KVM_USER_MEM_SLOTS } from "./memslots.ts";

/** vCPUs of a VM, and their ids, as Linux limits them. */
export const KVM_MAX_VCPUS = 1024;
export const KVM_MAX_VCPU_IDS = 4096;

/** What KVM_CHECK_EXTENSION answers; 0 for everything else. Only what works is here. */
const CAPABILITIES: ReadonlyMap<number, number> = new Map([
  [KVM_CAP.USER_MEMORY, 1],
  [KVM_CAP.EXT_CPUID, 1],
  [KVM_CAP.NR_VCPUS, 1],
  [KVM_CAP.NR_MEMSLOTS, KVM_USER_MEM_SLOTS],
  [KVM_CAP.SYNC_MMU, 1],
  [KVM_CAP.DESTROY_MEMORY_REGION_WORKS, 1],
  [KVM_CAP.JOIN_MEMORY_REGIONS_WORKS, 1],
  [KVM_CAP.INTERNAL_ERROR_DATA, 1],
  [KVM_CAP.MAX_VCPUS, KVM_MAX_VCPUS],
  [KVM_CAP.READONLY_MEM, 1],
  [KVM_CAP.CHECK_EXTENSION_VM, 1],
  [KVM_CAP.MAX_VCPU_ID, KVM_MAX_VCPU_IDS],
  [KVM_CAP.IMMEDIATE_EXIT, 1],
]);

/** KVM_CHECK_EXTENSION, of the system's file or a VM's. */
export const checkExtension = (capability: number): number => CAPABILITIES.get(capability) ?? 0;
