import { PREFIX } from "../decoded.ts";
import type { InstructionForm } from "../forms.ts";
import { ROW_FLAGS } from "../rows.ts";
import {
  ADDRESS_SIZE_SHOWN,
  HLE_WITHOUT_LOCK,
  LOCK_WITHOUT_HLE,
  NO_SEGMENT,
  REPEATED,
  REPEATED_STRINGS_OF_DWORDS,
  REPEATED_WHILE,
  REX_W_SHOWN,
  SEGMENT_SHOWN,
  XRELEASE_WITHOUT_LOCK,
} from "./att-exceptions.ts";
import type { RowSizes } from "./att-plan.ts";

/** Which prefixes a form shows. */
export const SHOWS = {
  rep: 1,
  repe: 2,
  repne: 4,
  /** F2 as BND. */
  bnd: 8,
  /** 3E as NOTRACK. */
  notrack: 16,
  /** 2E and 3E as branch hints. */
  hint: 32,
  /** A segment override by name. */
  segment: 64,
  xacquire: 128,
  xrelease: 256,
  /** XACQUIRE and XRELEASE only with LOCK. */
  onlyLocked: 512,
  /** No segment override, not even before memory. */
  noSegment: 1024,
} as const;

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

/** BND is for near branches but short JMP (SDM Vol 1, 17.4, of the editions that had MPX). */
function takesBnd(form: InstructionForm): boolean {
  if (form.mnemonic === "ret") return true;
  if (isConditionalJump(form)) return true;
  return (form.mnemonic === "call" || form.mnemonic === "jmp") && /^(Jz|Ev)$/.test(form.operands[0] ?? "");
}

function hleRules(form: InstructionForm, key: string): number {
  if (HLE_WITHOUT_LOCK.has(key)) return SHOWS.xacquire | SHOWS.xrelease;
  if (XRELEASE_WITHOUT_LOCK.has(key)) return SHOWS.xrelease;
  if (!form.lock || LOCK_WITHOUT_HLE.has(form.mnemonic)) return 0;
  return SHOWS.xacquire | SHOWS.xrelease | SHOWS.onlyLocked;
}

/** Which prefixes a form shows (SHOWS), and which bits of a row's flags are worth a look. */
export function prefixRules(form: InstructionForm, sizes: RowSizes): { readonly shows: number; readonly watched: number } {
  const key = `${form.mnemonic} ${form.operands.join(" ")}`;
  let shows = 0;
  const dwords = REPEATED_STRINGS_OF_DWORDS.get(key);
  if (REPEATED.has(form.mnemonic) || dwords === "rep") shows |= SHOWS.rep | SHOWS.repne;
  if (REPEATED_WHILE.has(form.mnemonic) || dwords === "repe") shows |= SHOWS.repe | SHOWS.repne;
  // REP RET is an old way to align branch targets (AMD's optimization guide for family 10h, 6.2).
  if (key === "ret ") shows |= SHOWS.rep;
  if (takesBnd(form)) shows |= SHOWS.bnd;
  if (/^indirect/.test(form.flow) && form.operands[0] === "Ev") shows |= SHOWS.notrack;
  if (isConditionalJump(form)) shows |= SHOWS.hint;
  if (NO_SEGMENT.has(form.mnemonic)) shows |= SHOWS.noSegment;
  if (SEGMENT_SHOWN.has(form.mnemonic)) shows |= SHOWS.segment;
  if (sizes.memory) shows |= hleRules(form, key);
  let watched: number = PREFIX.lock;
  if ((shows & ~(SHOWS.notrack | SHOWS.hint | SHOWS.segment | SHOWS.noSegment)) !== 0) watched |= PREFIX.rep | PREFIX.repne;
  if ((shows & (SHOWS.notrack | SHOWS.hint | SHOWS.segment)) !== 0) watched |= 7 << ROW_FLAGS.segmentPrefixShift;
  return { shows, watched };
}
