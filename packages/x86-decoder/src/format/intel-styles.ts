import { COMMON_STYLES, ST1_IS_IMPLIED } from "./common-styles.ts";
import { PADLOCK, STRING_INSTRUCTIONS } from "./form-patterns.ts";
import type { Styles } from "./styles.ts";

/** The notation of the Intel manual (SDM Vol 2): all operands that it lists, and words for prefixes. */
export const INTEL_STYLES: Styles = [
  ...COMMON_STYLES,
  ["iret", { nameBySize: ["iret", "iretd", "iretq"] }],
  ["pushf", { nameBySize: ["pushf", "pushfd", "pushfq"] }],
  ["popf", { nameBySize: ["popf", "popfd", "popfq"] }],
  ["pusha", { nameBySize: ["pusha", "pushad", ""] }],
  ["popa", { nameBySize: ["popa", "popad", ""] }],
  ["sysret", { nameBySize: ["sysret", "sysret", "sysretq"] }],
  ["sysexit", { nameBySize: ["sysexit", "sysexit", "sysexitq"] }],
  ["getsec", { nameBySize: ["getsec", "getsec", "getsecq"] }],
  ["prefetch : * : 0F 0D /0", { name: "prefetch_exclusive" }],
  ...[4, 5, 6, 7].map((reg) => [`prefetch : * : 0F 0D /${reg}`, { name: "prefetch_reserved" }] as const),
  ["retf", { name: "ret far" }],
  ["call jmp : Ap Mp", { keyword: "far" }],
  ["* : Jb", { keyword: "short", sizeWord: "any" }],
  ["* : Jz", { sizeWord: "any" }],
  ["xbegin", { sizeWord: undefined }],
  ["jrcxz loop loope loopne", { keyword: undefined }],
  ["loop loope loopne", { addressWord: "any" }],
  ["call jmp : Ap", { sizeWord: "any" }],
  ["ret retf enter leave", { sizeWord: "any" }],
  ["push pop : ES CS SS DS FS GS Iz Ibs", { sizeWord: "any" }],
  ["mov : AL,Ob rAX,Ov Ob,AL Ov,rAX", { addressWord: "any" }],
  ["fldenv fnstenv frstor fnsave", { memorySize: "resized" }],
  ["pinsrb pinsrw pextrb pextrw extractps vpinsrb vpinsrw vpextrb vpextrw vextractps vmovw", { narrow: true }],
  ["pmovmskb vpmovmskb movmskps movmskpd vmovmskps vmovmskpd", { narrow: true }],
  // x87 (SDM Vol 2 leaves ST(0) out, but for register forms).
  [
    "fadd fmul fcom fcomp fsub fsubr fdiv fdivr fld fiadd fimul ficom ficomp fisub fisubr fidiv fidivr fild fbld : Mss Msd Mt Md Mw Mq Mbcd",
    { operands: "ST 0" },
  ],
  ["fst fstp fist fistp fisttp fbstp : Mss Msd Mt Md Mw Mq Mbcd", { operands: "0 ST" }],
  ["fld : STi", { operands: "ST 0" }],
  ["fst fstp fstpnce : STi", { operands: "0 ST" }],
  ["faddp fmulp fsubp fsubrp fdivp fdivrp fxch fcom fcomp fucom fucomp : ST,STi STi,ST", ST1_IS_IMPLIED],
  // String instructions: the memory operands, and DX.
  [STRING_INSTRUCTIONS, { memorySize: "never" }],
  ["lodsb lodsw lodsd lodsq scasb scasw scasd scasq", { operands: "1" }],
  ["stosb stosw stosd stosq", { operands: "0" }],
  ["xlatb", { name: "xlat", operands: "Mxlat", memorySize: "never" }],
  ["vmrun vmload vmsave clzero pvalidate invlpgb", { operands: "aAX" }],
  ["skinit", { operands: "EAX" }],
  ["invlpga", { operands: "aAX ECX" }],
  [`monitor monitorx ${PADLOCK}`, { addressWord: "any" }],
  ["monitor monitorx clzero umonitor", { segmentWord: "before" }],
  ["maskmovq maskmovdqu vmaskmovdqu", { operands: "1 2", addressWord: "any", segmentWord: "behind" }],
];
