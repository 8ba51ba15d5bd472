import type { InstructionForm } from "../forms.ts";
import { COMPARING_STRINGS, MOVING_STRINGS, PADLOCK, type PatternRules, PatternTable } from "./form-patterns.ts";

/** Which prefixes mean something for a form, as bits. */
export const FORM_PREFIX = {
  /** F3 is REP, F2 REPNE. */
  rep: 1,
  /** F3 is REPE. */
  repe: 2,
  /** F2 is BND (SDM Vol 1, E.3.4). */
  bnd: 4,
  /** With LOCK, F2 is XACQUIRE and F3 XRELEASE (SDM Vol 1, 16.3.1). */
  hle: 8,
  /** As `hle`, even without LOCK: XCHG with memory. */
  hleWithoutLock: 16,
  /** F3 is XRELEASE, without LOCK: MOV to memory. */
  xrelease: 32,
  /** 3E is NOTRACK (SDM Vol 1, 17.3.4). */
  notrack: 64,
  /** 2E and 3E are branch hints (SDM Vol 2A, 2.1.1). */
  hints: 128,
} as const;

const CONDITIONAL = "jo jno jb jae je jne jbe ja js jns jp jnp jl jge jle jg";

/** FORM_PREFIX bits by pattern; those of all patterns that fit count. */
const RULES: PatternRules<number> = [
  [MOVING_STRINGS, FORM_PREFIX.rep],
  [COMPARING_STRINGS, FORM_PREFIX.repe],
  [PADLOCK, FORM_PREFIX.rep],
  // A two-byte return (AMD's optimization guides).
  ["ret : -", FORM_PREFIX.rep],
  [`${CONDITIONAL} : Jb Jz`, FORM_PREFIX.bnd | FORM_PREFIX.hints],
  ["call jmp : Jz Ev", FORM_PREFIX.bnd],
  ["ret", FORM_PREFIX.bnd],
  ["call jmp : Ev", FORM_PREFIX.notrack],
  // SDM Vol 2D, XACQUIRE/XRELEASE, lists them; CMPXCHG16B is not among them.
  ["add adc and btc btr bts cmpxchg cmpxchg8b dec inc neg not or sbb sub xadd xor", FORM_PREFIX.hle],
  ["xchg : Eb,Gb Ev,Gv", FORM_PREFIX.hleWithoutLock],
  ["mov : Eb,Gb Ev,Gv Eb,Ib Ev,Iz", FORM_PREFIX.xrelease],
];

const TABLE: PatternTable<number> = /* @__PURE__ */ new PatternTable(RULES);

/** FORM_PREFIX bits of a form. */
export function formPrefixes(form: InstructionForm): number {
  return TABLE.find(form).reduce((bits, more) => bits | more, 0);
}
