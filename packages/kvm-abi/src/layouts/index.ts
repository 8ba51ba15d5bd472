import { RUN_LAYOUTS } from "./run.ts";
import { VCPU_LAYOUTS } from "./vcpu.ts";
import { VM_LAYOUTS } from "./vm.ts";

/**
 * The layout table: each KVM structure of x86-64 by its C name, its members in order, each with its type.
 * Offsets, sizes, view classes, view types and ioctl numbers all derive from it (grammar: `FieldType`).
 */
export const LAYOUTS: typeof RUN_LAYOUTS & typeof VCPU_LAYOUTS & typeof VM_LAYOUTS = {
  ...RUN_LAYOUTS,
  ...VCPU_LAYOUTS,
  ...VM_LAYOUTS,
};
