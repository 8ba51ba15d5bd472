import { DIRTIED, DIRTY } from "./dirty.ts";
import { VMCS_FIELDS, type VmcsField } from "./vmcs-fields.ts";
import type { VmcsFieldName } from "./vmcs-table.ts";

/**
 * What VMREAD and VMWRITE need of a field, in one number: its byte offset in the region (of bits 63:32 for the access type
 * "high"), its width, its index in VMCS_FIELDS, and why an access may have to take the long way.
 */
export const SLOT = {
  offset: 0xfff,
  /** 16 bits wide. */
  word: 0x1000,
  /** 64 bits wide; without this and `word`: 32. */
  wide: 0x2000,
  /** All slots. */
  present: 0x4000,
  /** Between an exit and the next entry the processor may hold the field's value. */
  processor: 0x8000,
  readOnly: 0x10000,
  /** What each exit tells or changes: after one that is left in the processor altogether the region does not have it yet. */
  exit: 0x20000,
  indexShift: 20,
} as const;

/** Groups of guest state that stay in the processor after an exit until somebody asks. */
const HELD = DIRTY.state & ~DIRTY.rip & ~DIRTY.nonRegister;

/** Fields that every exit writes, beside those of HELD. */
const EXIT: ReadonlySet<VmcsFieldName> = new Set([
  "GUEST_RIP",
  "GUEST_INTERRUPTIBILITY_INFO",
  "GUEST_ACTIVITY_STATE",
  "GUEST_PENDING_DBG_EXCEPTIONS",
  "VM_EXIT_REASON",
  "EXIT_QUALIFICATION",
  "VM_EXIT_INSTRUCTION_LEN",
  "VM_EXIT_INTR_INFO",
  "IDT_VECTORING_INFO",
  "VM_ENTRY_INTR_INFO",
]);

const slotOf = (field: VmcsField, index: number, access: "full" | "high"): number => {
  const offset = access === "high" ? field.offset + 4 : field.offset;
  const bytes = access === "high" ? 4 : field.bytes;
  let slot = offset | SLOT.present | (index << SLOT.indexShift);
  if (bytes === 2) slot |= SLOT.word;
  else if (bytes === 8) slot |= SLOT.wide;
  // The exit controls say what is saved: of an exit that has happened those that it had.
  if ((DIRTIED[index]! & HELD) !== 0 || field.name === "VM_EXIT_CONTROLS") slot |= SLOT.processor;
  if (EXIT.has(field.name)) slot |= SLOT.exit;
  if (field.kind === "readonly") slot |= SLOT.readOnly;
  return slot;
};

/** Encodings fit 15 bits: a table indexed by encoding, access type included, with 0 where there is no component. */
const byEncoding: Int32Array = new Int32Array(0x8000);
for (const [index, field] of VMCS_FIELDS.entries()) {
  for (const access of field.access) {
    byEncoding[field.encoding | (access === "high" ? 1 : 0)] = slotOf(field, index, access);
  }
}

/** The slot of an encoding, access type included; 0 if there is no such component. */
export const slotOfEncoding = (encoding: number): number => byEncoding[encoding] ?? 0;
