import type { Style, Styles } from "./styles.ts";

/** Names that all syntaxes share where the table's is not the one that is written. */
export const COMMON_STYLES: Styles = [
  ["reservednop", { name: "nop" }],
  ["jrcxz", { nameByAddress: ["jcxz", "jecxz", "jrcxz"] }],
  // CMPccXADD by the same conditions as Jcc.
  ["cmpnbxadd", { name: "cmpaexadd" }],
  ["cmpzxadd", { name: "cmpexadd" }],
  ["cmpnzxadd", { name: "cmpnexadd" }],
  ["cmpnbexadd", { name: "cmpaxadd" }],
  ["cmpnlxadd", { name: "cmpgexadd" }],
  ["cmpnlexadd", { name: "cmpgxadd" }],
  ["lea", { ignoresSegment: true }],
  // Destination and first source are the same register: it is written once.
  ["imul : Gv,Ev,Iz Gv,Ev,Ibs", { otherwise: { when: "same-register", style: { operands: "0 2" } } }],
  // XCHG (E)AX with itself, which 90 is if the operand size is not the usual one (SDM Vol 2B, NOP).
  ["nop : -", { otherwise: { when: "resized", style: { name: "xchg", operands: "rAX rAX" } } }],
];

/** Only ST and ST(1) take part: both are left out. */
export const ST1_IS_IMPLIED: Style = { otherwise: { when: "st1", style: { operands: "" } } };

/** What MASM and NASM have in common, and the Intel manual does not. */
export const ASSEMBLER_STYLES: Styles = [
  ...COMMON_STYLES,
  ["fwait", { name: "wait" }],
  // Shifts with /6, which do the same as with /4, SHL.
  ...["C0", "C1", "D0", "D1", "D2", "D3"].map((opcode) => [`shl : * : ${opcode} /6`, { name: "sal" }] as const),
  ["xchg : Eb,Gb Ev,Gv", { operands: "1 0" }],
  // A mask in XMM0 is written.
  ["blendvps blendvpd pblendvb sha256rnds2", { operands: "0 1 XMM0" }],
  ["mov : Sw,Ew", { operands: "0 Ev" }],
  ["aad aam", { otherwise: { when: "ten", style: { operands: "" } } }],
  ["invlpga", { operands: "aAX ECX" }],
  ["monitor monitorx clzero umonitor", { segmentWord: "before" }],
];
