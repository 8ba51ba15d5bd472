import { COMMON_STYLES, STRING_INSTRUCTIONS } from "./common-styles.ts";
import type { Style, Styles } from "./styles.ts";

/** Only ST and ST(1) take part: both are left out. */
const ST1_IS_IMPLIED: Style = { otherwise: { when: "st1", style: { operands: "" } } };

const suffixes = (name: string): Style => ({ nameIfResized: [`${name}w`, `${name}d`, `${name}q`] });

/** NASM: prefixes are words, string instructions have no operands, ST(0) is left out. */
export const NASM_STYLES: Styles = [
  ...COMMON_STYLES,
  ["iret", suffixes("iret")],
  ["pushf", suffixes("pushf")],
  ["popf", suffixes("popf")],
  ["pusha", suffixes("pusha")],
  ["popa", suffixes("popa")],
  ["ret", suffixes("ret")],
  ["retf", suffixes("retf")],
  ["fwait", { name: "wait" }],
  ["pmulhrw : Pq,Qq : 0F 0F B7 /r", { name: "pmulhrwa" }],
  ...["C0", "C1", "D0", "D1", "D2", "D3"].map((opcode) => [`shl : * : ${opcode} /6`, { name: "sal" }] as const),
  ["* : Jb", { keyword: "short", sizeWord: "any" }],
  ["* : Jz", { keyword: "near", keywordIfResized: ["near word", "near dword", "near"] }],
  ["call jmp : Jz", { keyword: undefined, keywordIfResized: ["word", "dword", ""] }],
  ["call jmp : Ap", { keywordIfResized: ["word", "dword", ""] }],
  ["xbegin", { keyword: undefined, keywordIfResized: undefined }],
  ["jrcxz loop loope loopne", { keyword: undefined }],
  ["loop loope loopne", { counter: ["cx", "ecx", "rcx"] }],
  ["push : ES CS SS DS FS GS Ibs", { sizeWord: "any" }],
  ["push : Iz", { sizeWord: "mode64" }],
  ["pop : ES SS DS FS GS", { sizeWord: "any" }],
  ["enter leave", { sizeWord: "any" }],
  ["sysret sysexit getsec", { sizeWord: "64" }],
  ["sgdt sidt lgdt lidt", { sizeWord: "any" }],
  ["fldenv fnstenv frstor fnsave", { sizeWord: "not64" }],
  ["verr verw lmsw ltr lldt", { sizeWord: "any" }],
  ["str sldt smsw mov : Mw Mw,Sw Sw,Ew", { sizeWord: "memory" }],
  ["mov : Sw,Ew", { operands: "0 Ev" }],
  ["lkgs", { operands: "Ew", sizeWord: "any" }],
  ["pinsrw pmovmskb pextrw : Pq,Ry/Mw,Ib Gy,Nq Gy,Udq Gy,Nq,Ib", { narrow: true }],
  ["pinsrb vpinsrb vpinsrw vmovw", { narrow: true }],
  ["aad aam", { otherwise: { when: "ten", style: { operands: "" } } }],
  ["blendvps blendvpd pblendvb sha256rnds2", { operands: "0 1 XMM0" }],
  ["mov : AL,Ob rAX,Ov Ob,AL Ov,rAX", { addressWord: "mode64" }],
  ["vcvtpd2ph vcvtqq2ph vcvtuqq2ph : Vdq,Woo", { broadcastKeyword: "qword" }],
  ["vcvtsi2ss vcvtsi2sd vcvtsi2sh vcvtusi2ss vcvtusi2sd vcvtusi2sh", { roundingAfter: 1 }],
  ["call jmp : Mp", { memoryKeyword: ["word far", "dword far", "far"] }],
  ["xchg : Eb,Gb Ev,Gv", { operands: "1 0" }],
  ["fldenv fnstenv frstor fnsave", { memorySize: "never" }],
  ["fadd fmul fsub fsubr fdiv fdivr : STi,ST", { keyword: "to", operands: "0" }],
  [
    "fadd fmul fsub fsubr fdiv fdivr fcmovb fcmove fcmovbe fcmovu fcmovnb fcmovne fcmovnbe fcmovnu : ST,STi",
    { operands: "1" },
  ],
  ["fucomi fcomi fucomip fcomip : ST,STi", { operands: "1" }],
  ["faddp fmulp fsubp fsubrp fdivp fdivrp : STi,ST", { operands: "0", ...ST1_IS_IMPLIED }],
  ["fxch fcom fcomp fucom fucomp : ST,STi", { operands: "1", ...ST1_IS_IMPLIED }],
  [STRING_INSTRUCTIONS, { operands: "", addressWord: "any", segmentWord: "before" }],
  ["insb insw insd stosb stosw stosd stosq scasb scasw scasd scasq", { segmentWord: undefined }],
  ["xlatb", { addressWord: "any", segmentWord: "before" }],
  ["vmrun vmload vmsave clzero pvalidate invlpgb", { addressWord: "any" }],
  ["invlpga", { operands: "aAX ECX" }],
  [
    "monitor monitorx montmul xsha1 xsha256 xsha512 xsha512_alt xstore xstore_alt xcryptecb xcryptcbc xcryptctr xcryptcfb xcryptofb ccs_hash ccs_encrypt undoc",
    { addressWord: "any" },
  ],
  ["monitor monitorx clzero umonitor", { segmentWord: "before" }],
  ["maskmovq maskmovdqu vmaskmovdqu", { operands: "1 2", addressWord: "any", segmentWord: "before" }],
];
