import { PREFIX } from "../decoded.ts";
import type { InstructionForm } from "../forms.ts";
import { ROW_FLAGS } from "../rows.ts";
import { ADDRESS_SIZE_SHOWN, LOCK_WITHOUT_HLE, NO_SEGMENT, REX_W_SHOWN, SEGMENT_SHOWN } from "./att-exceptions.ts";
import type { RowSizes } from "./att-plan.ts";
import { FORM_PREFIX, formPrefixes } from "./form-prefixes.ts";

const SIZES = ["16", "32", "64"] as const;
const MODE_64 = 2;

/** Prefixes that a form's sizes mean, each with a space behind it. */
export function fixedPrefixes(form: InstructionForm, sizes: RowSizes): string {
  const { mode, operandSize, addressSize } = sizes;
  const key = `${form.mnemonic} ${form.operands.join(" ")}`;
  let text = "";
  if (isLoop(form) && mode !== MODE_64 && operandSize !== mode) text += ".byte 0x66; ";
  if (REX_W_SHOWN.has(key) && operandSize === 2) text += "rex.w ";
  if (isDirectJump(form) && mode !== MODE_64 && operandSize !== mode) text += `data${SIZES[operandSize]} `;
  const showsAddress = ADDRESS_SIZE_SHOWN.has(form.mnemonic) || form.operands.some((code) => code.startsWith("O"));
  if (showsAddress && addressSize !== mode) text += `addr${SIZES[addressSize]} `;
  return text;
}

/** Jumps that tell their operand size by a prefix; calls do by their name. */
const isDirectJump = (form: InstructionForm): boolean =>
  (form.mnemonic === "jmp" || isConditionalJump(form)) && /^J/.test(form.operands[0] ?? "");

const isConditionalJump = (form: InstructionForm): boolean =>
  form.flow === "conditional" && /^(0F 8|7)/.test(form.encoding);

/** LOOP, JRCXZ and their kin: a 66 prefix makes the target a number of the other size, which no name says. */
const isLoop = (form: InstructionForm): boolean => form.flow === "conditional" && /^E[0-3]/.test(form.encoding);

/** What a form's plan says of prefixes. */
export interface PrefixRules {
  /** FORM_PREFIX bits that count for this form with these operands. */
  readonly prefixes: number;
  /** A segment override is a word in front. */
  readonly showsSegment: boolean;
  /** A segment override is not shown, not even before memory. */
  readonly ignoresSegment: boolean;
  /** Bits of a row's flags that may mean a word in front. */
  readonly watched: number;
}

const HLE = FORM_PREFIX.hle | FORM_PREFIX.hleWithoutLock | FORM_PREFIX.xrelease;
const BY_REPEAT = HLE | FORM_PREFIX.rep | FORM_PREFIX.repe | FORM_PREFIX.bnd;
const BY_SEGMENT = FORM_PREFIX.notrack | FORM_PREFIX.hints;

export function prefixRules(form: InstructionForm, sizes: RowSizes): PrefixRules {
  let prefixes = formPrefixes(form);
  if (!sizes.memory) prefixes &= ~HLE;
  if (LOCK_WITHOUT_HLE.has(form.mnemonic)) prefixes &= ~HLE;
  const showsSegment = SEGMENT_SHOWN.has(form.mnemonic);
  let watched: number = PREFIX.lock;
  if ((prefixes & BY_REPEAT) !== 0) watched |= PREFIX.rep | PREFIX.repne;
  if ((prefixes & BY_SEGMENT) !== 0 || showsSegment) watched |= 7 << ROW_FLAGS.segmentPrefixShift;
  return { prefixes, showsSegment, ignoresSegment: NO_SEGMENT.has(form.mnemonic), watched };
}
