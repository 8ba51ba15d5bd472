import { KVM_CAP } from "@likex/kvm-abi";
import type { Case, Step } from "../steps.ts";
import { vm } from "./set-up.ts";

const check = (fd: string, name: string, argument: number): Step => ({
  do: "ioctl",
  fd,
  request: "KVM_CHECK_EXTENSION",
  argument,
  ask: name,
});

const NAMES = [
  "IRQCHIP",
  "HLT",
  "USER_MEMORY",
  "SET_TSS_ADDR",
  "EXT_CPUID",
  "NR_VCPUS",
  "NR_MEMSLOTS",
  "MP_STATE",
  "COALESCED_MMIO",
  "SYNC_MMU",
  "DESTROY_MEMORY_REGION_WORKS",
  "JOIN_MEMORY_REGIONS_WORKS",
  "IRQ_ROUTING",
  "INTERNAL_ERROR_DATA",
  "MAX_VCPUS",
  "READONLY_MEM",
  "CHECK_EXTENSION_VM",
  "SPLIT_IRQCHIP",
  "MAX_VCPU_ID",
  "IMMEDIATE_EXIT",
  "SYNC_REGS",
] as const satisfies readonly (keyof typeof KVM_CAP)[];

/** KVM_CHECK_EXTENSION, of both files that have it. */
export const CAPABILITY_CASES: readonly Case[] = [
  {
    name: "capabilities of the system file",
    steps: [...vm, ...NAMES.map((name) => check("system", name, KVM_CAP[name]))],
  },
  { name: "capabilities of a VM", steps: [...vm, ...NAMES.map((name) => check("vm", name, KVM_CAP[name]))] },
  {
    name: "capabilities that no kernel has",
    steps: [...vm, check("system", "12345", 12345), check("system", "-1", -1), check("vm", "12345 of a VM", 12345)],
  },
];
