import { INTERCEPT } from "@likex/cpu-executor";
import { secondaryControls } from "./control-checks.ts";
import { CPU_BASED, CPU_BASED2 } from "./controls.ts";
import { CR0 } from "./guest-checks.ts";
import { VECTOR } from "./numbers.ts";
import type { VmxCpu } from "./processor.ts";
import type { Vmcs } from "./vmcs.ts";
import { VMCS_OFFSET as F } from "./vmcs-fields.ts";

const DESCRIPTOR_TABLES = [
  ...[INTERCEPT.lgdt, INTERCEPT.lidt, INTERCEPT.sgdt, INTERCEPT.sidt],
  ...[INTERCEPT.lldt, INTERCEPT.ltr, INTERCEPT.sldt, INTERCEPT.str],
] as const;

/**
 * Tells the processor at what it must stop under the current controls. It carries out by itself what behaves in non-root
 * operation as outside it; all else stops, and Instructions decides.
 */
export function setIntercepts(cpu: VmxCpu, vmcs: Vmcs): void {
  const controls = vmcs.low(F.CPU_BASED_VM_EXEC_CONTROL);
  const secondary = secondaryControls(vmcs);
  const { intercepts } = cpu;
  const tables = secondary & CPU_BASED2.descriptorTableExiting ? 1 : 0;
  for (const instruction of DESCRIPTOR_TABLES) intercepts[instruction] = tables;
  intercepts[INTERCEPT.invlpg] = controls & CPU_BASED.invlpgExiting ? 1 : 0;
  intercepts[INTERCEPT.pause] = controls & CPU_BASED.pauseExiting ? 1 : 0;
  intercepts[INTERCEPT.wbinvd] = secondary & CPU_BASED2.wbinvdExiting ? 1 : 0;
  const debug = controls & CPU_BASED.movDrExiting ? 1 : 0;
  intercepts[INTERCEPT.movToDr] = debug;
  intercepts[INTERCEPT.movFromDr] = debug;
}

/** The same for what fields say that change from entry to entry: CLTS and exceptions. */
export function setExceptionIntercepts(cpu: VmxCpu, vmcs: Vmcs): void {
  cpu.intercepts[INTERCEPT.clts] = (vmcs.low(F.CR0_GUEST_HOST_MASK) & CR0.ts) !== 0 ? 1 : 0;
  cpu.exceptionBitmap = exceptionsToStopAt(vmcs);
}

/** #DF always: then a delivery that fails comes here, where its exits are. */
function exceptionsToStopAt(vmcs: Vmcs): number {
  const bitmap = vmcs.low(F.EXCEPTION_BITMAP) | (1 << VECTOR.df);
  const looksAtErrorCode =
    vmcs.low(F.PAGE_FAULT_ERROR_CODE_MASK) !== 0 || vmcs.low(F.PAGE_FAULT_ERROR_CODE_MATCH) !== 0;
  return looksAtErrorCode ? bitmap | (1 << VECTOR.pf) : bitmap;
}
