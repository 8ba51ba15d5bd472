import { COMMON_STYLES, STRING_INSTRUCTIONS } from "./common-styles.ts";
import { MASM_SIZES } from "./masm-sizes.ts";
import type { Circumstance, Style, Styles } from "./styles.ts";

/** Only ST and ST(1) take part: both are left out. */
const ST1_IS_IMPLIED: Style = { otherwise: { when: "st1", style: { operands: "" } } };

/** A name without its size letter, and operands with their sizes, where an operand is not the usual one. */
const explicit = (name: string, operands: string, when: Circumstance = "readdressed"): Style => ({
  operands: "",
  otherwise: { when, style: { name, operands, memorySize: "always" } },
});

const suffixes = (name: string, long = ""): Style => ({ nameIfResized: [`${name}w`, `${name}${long}d`, name] });

const counted = (name: string): Style => ({ nameIfReaddressed: [`${name}w`, `${name}d`, name] });

/** Microsoft's assembler: names with a size letter in place of prefixes, and sizes wherever a register is not as wide. */
export const MASM_STYLES: Styles = [
  ...COMMON_STYLES,
  ...MASM_SIZES,
  ["iret", { nameBySize: ["iret", "iretd", "iretq"] }],
  ["pushf", { nameBySize: ["pushf", "pushfd", "pushfq"] }],
  ["popf", { nameBySize: ["popf", "popfd", "popfq"] }],
  ["pusha", { nameIfResized: ["pushaw", "pushad", ""] }],
  ["popa", { nameIfResized: ["popaw", "popad", ""] }],
  ["sysret", { nameBySize: ["sysret", "sysret", "sysretq"] }],
  ["sysexit", { nameBySize: ["sysexit", "sysexit", "sysexitq"] }],
  ["getsec", { nameBySize: ["getsec", "getsec", "getsecq"] }],
  ["enter", suffixes("enter")],
  ["leave", suffixes("leave")],
  ["lgdt", suffixes("lgdt")],
  ["lidt", suffixes("lidt")],
  ["sgdt", suffixes("sgdt")],
  ["sidt", suffixes("sidt")],
  ["push : ES CS SS DS FS GS Iz Ibs", suffixes("push")],
  ["pop : ES SS DS FS GS", suffixes("pop")],
  ["ret", suffixes("ret", "n")],
  ["retf", { nameIfResized: ["retfw", "retfd", "retfq"] }],
  ["loop", counted("loop")],
  ["loope", counted("loope")],
  ["loopne", counted("loopne")],
  ["fwait", { name: "wait" }],
  ["fstpnce", { name: "fstp" }],
  ["int3", { name: "int", operands: "'3" }],
  ["call jmp : Ap", { keyword: "far ptr" }],
  ["* : Jb", { keyword: "short" }],
  ["* : Jz", { keyword: "near ptr" }],
  ["jrcxz loop loope loopne call xbegin : Jb Jz", { keyword: undefined }],
  // 82 /4 to D3 /6, the same as /4.
  ...["C0", "C1", "D0", "D1", "D2", "D3"].map((opcode) => [`shl : * : ${opcode} /6`, { name: "sal" }] as const),
  ["xchg : Eb,Gb Ev,Gv", { operands: "1 0" }],
  ["blendvps blendvpd pblendvb sha256rnds2", { operands: "0 1 XMM0" }],
  ["vpinsrb vpinsrw vmovw extractps vextractps", { narrow: true }],
  ["mov : Sw,Ew", { operands: "0 Ev" }],
  ["aad aam", { otherwise: { when: "ten", style: { operands: "" } } }],
  ["fldenv fnstenv frstor fnsave", { memorySize: "resized" }],
  ["faddp fmulp fsubp fsubrp fdivp fdivrp : STi,ST", ST1_IS_IMPLIED],
  ["fxch fcom fcomp fucom fucomp : ST,STi", { operands: "1", ...ST1_IS_IMPLIED }],
  [STRING_INSTRUCTIONS, { operands: "" }],
  ["insb insw insd : Yb,DX Yw,DX Yd,DX", explicit("ins", "0 1", "resized-address")],
  ["outsb outsw outsd : DX,Xb DX,Xw DX,Xd", explicit("outs", "0 1")],
  ["movsb movsw movsd movsq : Yb,Xb Yw,Xw Yd,Xd Yq,Xq", explicit("movs", "0 1")],
  ["cmpsb cmpsw cmpsd cmpsq : Xb,Yb Xw,Yw Xd,Yd Xq,Yq", explicit("cmps", "0 1")],
  ["lodsb lodsw lodsd lodsq", explicit("lods", "1")],
  ["stosb stosw stosd stosq", explicit("stos", "0", "resized-address")],
  ["scasb scasw scasd scasq", explicit("scas", "1")],
  ["xlatb", explicit("xlat", "Mxlat")],
  ["vmrun vmload vmsave", { operands: "aAX" }],
  ["skinit", { operands: "EAX" }],
  ["invlpga", { operands: "aAX ECX" }],
  ["monitor monitorx", { operands: "aAX modeCX modeDX", segmentWord: "before" }],
  ["mwait", { operands: "modeAX modeCX" }],
  ["mwaitx", { operands: "modeAX modeCX modeBX" }],
  ["clzero umonitor", { segmentWord: "before" }],
  [
    "maskmovq maskmovdqu vmaskmovdqu",
    { operands: "1 2", otherwise: { when: "readdressed", style: { operands: "0 1 2" } } },
  ],
];
