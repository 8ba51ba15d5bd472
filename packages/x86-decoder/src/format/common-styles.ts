import type { Styles } from "./styles.ts";

/** String instructions; the operand lists tell them from the vector instructions of the same names. */
export const STRING_INSTRUCTIONS: string =
  "* : Yb,DX Yw,DX Yd,DX DX,Xb DX,Xw DX,Xd Yb,Xb Yw,Xw Yd,Xd Yq,Xq Xb,Yb Xw,Yw Xd,Yd Xq,Yq " +
  "Yb,AL Yw,rAX Yd,rAX Yq,rAX AL,Xb rAX,Xw rAX,Xd rAX,Xq AL,Yb rAX,Yw rAX,Yd rAX,Yq";

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
