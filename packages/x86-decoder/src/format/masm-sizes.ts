import type { Styles } from "./styles.ts";

const fused = (suffix: string): string =>
  ["vfmadd", "vfmsub", "vfnmadd", "vfnmsub"]
    .flatMap((name) => ["", "132", "213", "231"].map((order) => `${name}${order}${suffix}`))
    .join(" ");

/**
 * Where Microsoft's assembler does not follow the rule that a memory operand has a size unless a register is as wide:
 * instructions of which it knows the size, and others for which it wants one nevertheless.
 */
export const MASM_SIZES: Styles = [
  ["lds les lss lfs lgs movdir64b enqcmd enqcmds cvtpd2pi cvttpd2pi", { memorySize: "never" }],
  ["punpcklbw punpcklwd punpckldq : Pq,Qd", { memorySize: "never" }],
  [
    "pmovsxbw pmovsxwd pmovsxdq pmovzxbw pmovzxwd pmovzxdq pmovsxbd pmovsxwq pmovzxbd pmovzxwq pmovsxbq pmovzxbq",
    { memorySize: "never" },
  ],
  ["aesenc128kl aesdec128kl aesenc256kl aesdec256kl vbcstnesh2ps vbcstnebf162ps", { memorySize: "never" }],
  ["vpsrlw vpsrld vpsrlq vpsraw vpsrad vpsraq vpsllw vpslld vpsllq : Vqq,Hqq,Wdq Voo,Hoo,Wdq", { memorySize: "never" }],
  ["vinsertf64x4 vinsertf32x8 v4fnmaddps", { memorySize: "never" }],
  ["roundss roundsd vrcpss vgetexpss vgetexpsd vgetexpsh vfrczss vfrczsd", { memorySize: "never" }],
  ["vdivss : * : VEX.LIG.F3.0F.WIG 5E /r", { memorySize: "never" }],
  ["vdivsd : * : VEX.LIG.F2.0F.WIG 5E /r", { memorySize: "never" }],
  [`${fused("ss")} ${fused("sd")} ${fused("sh")}`, { memorySize: "never" }],
  ["vrndscaless vgetmantss vfixupimmss vrangess vreducess", { memorySize: "never" }],
  ["vrndscalesd vgetmantsd vfixupimmsd vrangesd vreducesd", { memorySize: "never" }],
  ["vrndscalesh vgetmantsh vreducesh vfcmaddcsh vfmaddcsh vfcmulcsh vfmulcsh", { memorySize: "never" }],

  ["movzx movsx movsxd : Gv,Ew Gw,Ew", { memorySize: "always" }],
  ["lar lsl vmread vmwrite lwpins lwpval", { memorySize: "always" }],
  ["cvtss2si cvttss2si vcvtss2si vcvttss2si vcvtss2usi vcvttss2usi", { memorySize: "always" }],
  ["ptest vptest lddqu vlddqu movntdqa vmovntdqa vmovntps vmovntpd vmovntdq", { memorySize: "always" }],
  ["vmovddup vmovsldup vmovshdup vmovdqa vmovdqu", { memorySize: "always" }],
  ["vcvtdq2ps vcvtudq2ps vcvtps2dq vcvttps2dq vcvtps2udq vcvttps2udq", { memorySize: "always" }],
  ["vcvtpd2ps vcvtpd2dq vcvttpd2dq vcvtpd2udq vcvttpd2udq vcvtqq2ps vcvtuqq2ps", { memorySize: "always" }],
  ["vcvtuw2ph vcvtw2ph vcvtph2uw vcvtph2w vrcpph vrsqrtph vcvtneps2bf16", { memorySize: "always" }],
  ["vcvtpd2ph vcvtps2phx vcvtdq2ph vcvtudq2ph vcvtqq2ph vcvtuqq2ph", { memorySize: "always" }],
  [
    "vcmpsd vfpclasssd kmovq v4fmaddss v4fnmaddss : KG,Hsd,Wsd,Ib KG,Wsd,Ib KG,KWq Mq,KG Vdq,Hdq+3,Mdq",
    { memorySize: "always" },
  ],

  ["cvtps2pi cvttps2pi", { memorySize: "always", memoryKeyword: ["mmword ptr", "mmword ptr", "mmword ptr"] }],
  ["invept invvpid invpcid", { memoryKeyword: ["oword ptr", "oword ptr", "oword ptr"] }],
  ["lgdt lidt", { memoryKeyword: ["fword ptr", "fword ptr", "fword ptr"] }],
];
