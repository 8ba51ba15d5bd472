import { ASSEMBLER_STYLES, ST1_IS_IMPLIED } from "./common-styles.ts";
import { STRING_INSTRUCTIONS } from "./form-patterns.ts";
import { MASM_SIZES } from "./masm-sizes.ts";
import type { Circumstance, Style, Styles } from "./styles.ts";

/** A name without its size letter, and operands with their sizes, where an operand is not the usual one. */
const explicit = (name: string, operands: string, when: Circumstance = "readdressed"): Style => ({
  operands: "",
  otherwise: { when, style: { name, operands, memorySize: "always" } },
});

const suffixes = (name: string, long = ""): Style => ({ nameIfResized: [`${name}w`, `${name}${long}d`, name] });

const counted = (name: string): Style => ({ nameIfReaddressed: [`${name}w`, `${name}d`, name] });

/** Microsoft's assembler: names with a size letter in place of prefixes, and sizes wherever a register is not as wide. */
export const MASM_STYLES: Styles = [
  ...ASSEMBLER_STYLES,
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
  ["fstpnce", { name: "fstp" }],
  ["int3", { name: "int", operands: "'3" }],
  ["call jmp : Ap", { keyword: "far ptr" }],
  ["* : Jb", { keyword: "short" }],
  ["* : Jz", { keyword: "near ptr" }],
  ["jrcxz loop loope loopne call xbegin : Jb Jz", { keyword: undefined }],
  ["vpinsrb vpinsrw vmovw extractps vextractps", { narrow: true }],
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
  ["monitor monitorx", { operands: "aAX modeCX modeDX" }],
  ["mwait", { operands: "modeAX modeCX" }],
  ["mwaitx", { operands: "modeAX modeCX modeBX" }],
  [
    "maskmovq maskmovdqu vmaskmovdqu",
    { operands: "1 2", otherwise: { when: "readdressed", style: { operands: "0 1 2" } } },
  ],
];
