import { VMCS, type VmcsFieldName } from "@likex/vmx";
import { CR0, CR4 } from "./control-registers.ts";
import type { Personality } from "./personality.ts";
import type { ControlWords } from "./trace-events.ts";

/** A VMCS field's encoding and its value. */
export type VmcsWrite = readonly [encoding: number, value: bigint];

const PAT_DEFAULT = 0x0007040600070406n;
const NO_LINK = 0xffff_ffff_ffff_ffffn;
const KERNEL = 0xffff_ffff_8100_0000n;
const EFER_LONG_MODE = 0xd01n;

const host: Partial<Record<VmcsFieldName, bigint>> = {
  HOST_CR0: 0x80050033n,
  HOST_CR3: 0n,
  HOST_CR4: 0x2020n,
  HOST_CS_SELECTOR: 16n,
  HOST_SS_SELECTOR: 24n,
  HOST_DS_SELECTOR: 0n,
  HOST_ES_SELECTOR: 0n,
  HOST_FS_SELECTOR: 0n,
  HOST_GS_SELECTOR: 0n,
  HOST_TR_SELECTOR: 64n,
  HOST_FS_BASE: 0n,
  HOST_GS_BASE: 0n,
  HOST_TR_BASE: 0xfffffe0000003000n,
  HOST_GDTR_BASE: 0xfffffe0000001000n,
  HOST_IDTR_BASE: 0xfffffe0000000000n,
  HOST_IA32_SYSENTER_CS: 0n,
  HOST_IA32_SYSENTER_ESP: 0n,
  HOST_IA32_SYSENTER_EIP: 0n,
  HOST_IA32_PAT: PAT_DEFAULT,
  HOST_IA32_EFER: EFER_LONG_MODE,
  HOST_RSP: KERNEL,
  HOST_RIP: KERNEL,
};

const DATA_SEGMENTS = ["ES", "SS", "DS", "FS", "GS"] as const;

const segment = (name: string, accessRights: bigint, selector = 0, base = 0): [VmcsFieldName, bigint][] => [
  [`GUEST_${name}_SELECTOR` as VmcsFieldName, BigInt(selector)],
  [`GUEST_${name}_BASE` as VmcsFieldName, BigInt(base)],
  [`GUEST_${name}_LIMIT` as VmcsFieldName, 0xffffn],
  [`GUEST_${name}_AR_BYTES` as VmcsFieldName, accessRights],
];

/**
 * What software writes into the VMCS of a new vCPU, but for its EPT pointer: the processor's state after INIT (SDM Vol
 * 3A, table "IA-32 and Intel 64 Processor States Following Power-up, Reset, or INIT"), with the CR0 and CR4 bits that
 * VMX fixes set beneath their read shadows.
 */
export const initialVmcs = (personality: Personality, controls: ControlWords): readonly VmcsWrite[] => {
  const { reset } = personality;
  const fields: Partial<Record<VmcsFieldName, bigint>> = {
    VMCS_LINK_POINTER: NO_LINK,
    PIN_BASED_VM_EXEC_CONTROL: BigInt(controls.pin),
    CPU_BASED_VM_EXEC_CONTROL: BigInt(controls.cpu),
    SECONDARY_VM_EXEC_CONTROL: BigInt(controls.cpu2),
    VM_EXIT_CONTROLS: BigInt(controls.exit),
    VM_ENTRY_CONTROLS: BigInt(controls.entry),
    EXCEPTION_BITMAP: BigInt(personality.exceptionBitmap),
    PAGE_FAULT_ERROR_CODE_MASK: 0n,
    PAGE_FAULT_ERROR_CODE_MATCH: 0n,
    CR3_TARGET_COUNT: 0n,
    VM_EXIT_MSR_STORE_COUNT: 0n,
    VM_EXIT_MSR_LOAD_COUNT: 0n,
    VM_ENTRY_MSR_LOAD_COUNT: 0n,
    VM_ENTRY_INTR_INFO: 0n,
    TSC_OFFSET: 0n,
    CR0_GUEST_HOST_MASK: CR0.hostOwned,
    CR0_READ_SHADOW: 0x60000010n,
    CR4_GUEST_HOST_MASK: CR4.hostOwned,
    CR4_READ_SHADOW: 0n,
    GUEST_CR0: 0x30n,
    GUEST_CR3: 0n,
    GUEST_CR4: BigInt(CR4.fixed),
    GUEST_DR7: 0x400n,
    GUEST_RFLAGS: 2n,
    GUEST_RSP: 0n,
    GUEST_RIP: BigInt(reset.rip),
    GUEST_IA32_EFER: 0n,
    GUEST_IA32_PAT: PAT_DEFAULT,
    GUEST_IA32_DEBUGCTL: 0n,
    GUEST_SYSENTER_CS: 0n,
    GUEST_SYSENTER_ESP: 0n,
    GUEST_SYSENTER_EIP: 0n,
    GUEST_PENDING_DBG_EXCEPTIONS: 0n,
    GUEST_ACTIVITY_STATE: 0n,
    GUEST_INTERRUPTIBILITY_INFO: 0n,
    GUEST_GDTR_BASE: 0n,
    GUEST_GDTR_LIMIT: 0xffffn,
    GUEST_IDTR_BASE: 0n,
    GUEST_IDTR_LIMIT: 0xffffn,
    ...Object.fromEntries([
      ...segment("CS", 0x9bn, reset.csSelector, reset.csBase),
      ...DATA_SEGMENTS.flatMap((name) => segment(name, 0x93n)),
      ...segment("TR", 0x8bn),
      ...segment("LDTR", 0x82n),
    ]),
    ...host,
  };
  return (Object.entries(fields) as [VmcsFieldName, bigint][]).map(([name, value]) => [VMCS[name], value]);
};
