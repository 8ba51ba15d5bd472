import { VMX_MSR, type Vmx, type VmxMsrName } from "@likex/vmx";
import { EmulatedKvmError } from "./errors.ts";
import type { ControlWords } from "./trace-events.ts";

const TRUE_CONTROLS = 1n << 55n;

/**
 * The control word with the wanted bits, and of the others only those that must be 1 (SDM Vol 3C, "Algorithms for
 * Determining VMX Capabilities", algorithm 3). Throws EmulatedKvmError if the processor lacks a wanted control.
 */
export const adjustControl = (msr: bigint, wanted: number): number => {
  const mustBeOne = Number(msr & 0xffffffffn);
  const mayBeOne = Number(msr >> 32n);
  if (((wanted & ~mayBeOne) | 0) !== 0) {
    throw new EmulatedKvmError(
      `the processor lacks VMX controls 0x${((wanted & ~mayBeOne) >>> 0).toString(16)}; its capability MSR is 0x${msr.toString(16)}`,
    );
  }
  return (mustBeOne | wanted) >>> 0;
};

/** All control words of a new VMCS, from the processor's capability MSRs. */
export const adjustControls = (vmx: Vmx, wanted: ControlWords): ControlWords => {
  const read = (name: VmxMsrName): bigint => vmx.readMsr(VMX_MSR[name]) ?? 0n;
  const hasTrue = (read("IA32_VMX_BASIC") & TRUE_CONTROLS) !== 0n;
  const of = (plain: VmxMsrName, exact: VmxMsrName): bigint => read(hasTrue ? exact : plain);
  return {
    pin: adjustControl(of("IA32_VMX_PINBASED_CTLS", "IA32_VMX_TRUE_PINBASED_CTLS"), wanted.pin),
    cpu: adjustControl(of("IA32_VMX_PROCBASED_CTLS", "IA32_VMX_TRUE_PROCBASED_CTLS"), wanted.cpu),
    cpu2: adjustControl(read("IA32_VMX_PROCBASED_CTLS2"), wanted.cpu2),
    exit: adjustControl(of("IA32_VMX_EXIT_CTLS", "IA32_VMX_TRUE_EXIT_CTLS"), wanted.exit),
    entry: adjustControl(of("IA32_VMX_ENTRY_CTLS", "IA32_VMX_TRUE_ENTRY_CTLS"), wanted.entry),
  };
};
