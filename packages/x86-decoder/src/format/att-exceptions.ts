/** What single instructions do otherwise than the rules of AT&T syntax say: data, looked up when a form's plan is made. */

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

/** Operands in Intel order instead of reversed (GNU as, AT&T Syntax versus Intel Syntax). */
export const INTEL_ORDER: ReadonlySet<string> = /* @__PURE__ */ words("bound enter");

/**
 * Operands that are shown instead of those of the table, by mnemonic and operand codes. XMM0 and rBX stand for what the
 * table only implies. A selector's register has the operand size where the encoding has one and the CPU ignores it.
 */
export const SHOWN_OPERANDS: ReadonlyMap<string, string> = /* @__PURE__ */ new Map([
  ["pblendvb Vdq Wdq", "Vdq Wdq XMM0"],
  ["blendvps Vps Wps", "Vps Wps XMM0"],
  ["blendvpd Vpd Wpd", "Vpd Wpd XMM0"],
  ["sha256rnds2 Vdq Wdq", "Vdq Wdq XMM0"],
  ["xlatb ", "rBX"],
  ["maskmovq ZqI Pq Nq", "Pq Nq"],
  ["maskmovdqu ZdqI Vdq Udq", "Vdq Udq"],
  ["vmaskmovdqu ZdqI Vdq Udq", "Vdq Udq"],
  ["fcom ST STi", "STi"],
  ["fcomp ST STi", "STi"],
  ["fucom ST STi", "STi"],
  ["fucomp ST STi", "STi"],
  ["fxch ST STi", "STi"],
  ["mov Sw Ew", "Sw Ev"],
  ["lkgs Rv/Mw", "Ew"],
  ["vmovw Vdq Ry/Mw", "Vdq Rd/Mw"],
  ["vmovw Ry/Mw Vdq", "Rd/Mw Vdq"],
]);

/** x87 instructions that are written without operands when their register is ST(1) (SDM Vol 2A, FADD, FCOM, FXCH). */
export const SHORT_WITH_ST1: ReadonlySet<string> = /* @__PURE__ */ words(
  "fcom fcomp fucom fucomp fxch faddp fmulp fsubp fsubrp fdivp fdivrp",
);

/** Takes LOCK but neither XACQUIRE nor XRELEASE (SDM Vol 2D, XACQUIRE/XRELEASE, has no CMPXCHG16B). */
export const LOCK_WITHOUT_HLE: ReadonlySet<string> = /* @__PURE__ */ words("cmpxchg16b");

/** An address size prefix is shown by name, because no operand shows the registers that it changes. */
export const ADDRESS_SIZE_SHOWN: ReadonlySet<string> = /* @__PURE__ */ words(`
  monitor monitorx vmrun vmload vmsave invlpga clzero invlpgb pvalidate maskmovq maskmovdqu vmaskmovdqu
  montmul xsha1 xsha256 xstore xcryptecb xcryptcbc xcryptctr xcryptcfb xcryptofb ccs_hash ccs_encrypt undoc xsha512
  xstore_alt xsha512_alt`);

/** A segment override is shown by name, because no operand shows the memory that it is for. */
export const SEGMENT_SHOWN: ReadonlySet<string> = /* @__PURE__ */ words(
  "monitor monitorx clzero umonitor maskmovq maskmovdqu vmaskmovdqu",
);

/** REX.W is shown by name, by mnemonic and operand codes. */
export const REX_W_SHOWN: ReadonlySet<string> = /* @__PURE__ */ new Set(["call Mp", "jmp Mp", "getsec "]);

/** A branch whose target has at least 32 bits (SDM Vol 2D, XBEGIN). */
export const WIDE_TARGET: ReadonlySet<string> = /* @__PURE__ */ words("xbegin");

/** Computes an address without access to memory: a segment has no effect and is not shown (SDM Vol 2A, LEA). */
export const NO_SEGMENT: ReadonlySet<string> = /* @__PURE__ */ words("lea");

/** Written with two operands where the first two registers are the same, by mnemonic and operand codes. */
export const MERGES_REGISTERS: ReadonlySet<string> = /* @__PURE__ */ new Set(["imul Gv Ev Iz", "imul Gv Ev Ibs"]);

/** An immediate that is not written, by mnemonic (SDM Vol 2A, AAD, AAM: all assemblers take the names for base 10). */
export const USUAL_IMMEDIATE: ReadonlyMap<string, number> = /* @__PURE__ */ new Map([
  ["aad", 10],
  ["aam", 10],
]);
