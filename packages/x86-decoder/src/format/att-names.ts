/**
 * How GNU as spells a mnemonic of the instruction table (the GNU assembler's manual, "80386 Dependent Features", AT&T
 * mnemonics and instruction naming). A name is a template; capitals in it stand for letters that depend on the instruction:
 *
 * | capital | stands for                                                                                               |
 * | ------- | -------------------------------------------------------------------------------------------------------- |
 * | S       | b w l q by the size of memory, where no register tells it                                                |
 * | F       | s l ll t by the x87 type in memory                                                                       |
 * | W       | w l q by operand size                                                                                    |
 * | D       | w l q by operand size, where it is not the mode's                                                        |
 * | A       | w l q by operand size in 64-bit mode; elsewhere as D                                                     |
 * | R       | l or q in 64-bit mode: q for operand size 64                                                             |
 * | E       | s l by operand size, where it is not the mode's, for 16 and 32 bits                                      |
 * | L       | w l q by address size, where it is not the mode's                                                        |
 * | X       | x y by vector length, for memory without broadcast                                                       |
 * | Z       | x y z by vector length, for memory without broadcast                                                     |
 *
 * Names with | between them are for operand sizes 16, 32 and 64; with / for these address sizes. Names are found by
 * mnemonic and encoding, by mnemonic and operand codes, or by mnemonic, in this order; others are as in the table.
 */
const TEMPLATES = `
mov Eb Ib: movS
mov Ev Iz: movS
mov AL Ob: mov/mov/movabs
mov rAX Ov: mov/mov/movabs
mov Ob AL: mov/mov/movabs
mov Ov rAX: mov/mov/movabs
mov Zv Iv: mov|mov|movabs
movzx Gv Eb: movzbW
movzx Gv Ew: movzxw|movzwl|movzwq
movsx Gv Eb: movsbW
movsx Gv Ew: movsxw|movswl|movswq
movsxd Gv Ed: movsxd|movsxd|movslq
shl C0 /6: salS
shl C1 /6: salS
shl D0 /6: salS
shl D1 /6: salS
shl D2 /6: salS
shl D3 /6: salS
cbw: cbtw
cwde: cwtl
cdqe: cltq
cwd: cwtd
cdq: cltd
cqo: cqto
xlatb: xlat
reservednop: nop
push: pushD
push Ev: pushS
push Zv: push
pop: popD
pop Ev: popS
pop Zv: pop
pusha: pushaD
popa: popaD
pushf: pushfD
popf: popfD
enter: enterD
leave: leaveD
call Jz: callD
call Ev: callS
call Ap: lcallD
call Mp: lcallD
jmp Ev: jmpS
jmp Ap: ljmpD
jmp Mp: ljmpD
ret: retD
retf: lretA
iret: iretA
loop: loopL
loope: loopeL
loopne: loopneL
jrcxz: jcxz/jecxz/jrcxz
sysret: sysretR
sysexit: sysexitR
sgdt: sgdtD
sidt: sidtD
lgdt: lgdtD
lidt: lidtD
insd: insl
outsd: outsl
movsd Yd Xd: movsl
cmpsd Xd Yd: cmpsl
stosb: stos
stosw: stos
stosd: stos
stosq: stos
lodsb: lods
lodsw: lods
lodsd: lods
lodsq: lods
scasb: scas
scasw: scas
scasd: scas
scasq: scas
fldenv: fldenvE
fnstenv: fnstenvE
frstor: frstorE
fnsave: fnsaveE
fstpnce: fstp
fsub STi ST: fsubr
fsubr STi ST: fsub
fdiv STi ST: fdivr
fdivr STi ST: fdiv
fsubp: fsubrp
fsubrp: fsubp
fdivp: fdivrp
fdivrp: fdivp
pcmpestrm64: pcmpestrmq
pcmpestri64: pcmpestriq
vpcmpestrm64: vpcmpestrmq
vpcmpestri64: vpcmpestriq
cmpnbxadd: cmpaexadd
cmpzxadd: cmpexadd
cmpnzxadd: cmpnexadd
cmpnbexadd: cmpaxadd
cmpnlxadd: cmpgexadd
cmpnlexadd: cmpgxadd
vcvtps2phx Vdq Wps: vcvtps2phxX
vcvtps2phx Vh Wps: vcvtps2phxX
`;

/** Mnemonics that only take one of the letters above, whatever their operands. */
const SUFFIXED: Readonly<Record<string, string>> = {
  S: `add or adc sbb and sub xor cmp test not neg mul imul div idiv inc dec rol ror rcl rcr shl shr sar bt bts btr btc nop
    crc32 ptwrite cvtsi2ss cvtsi2sd vcvtsi2ss vcvtsi2sd vcvtusi2ss vcvtusi2sd vcvtsi2sh vcvtusi2sh`,
  F: `fadd fmul fcom fcomp fsub fsubr fdiv fdivr fld fst fstp fiadd fimul ficom ficomp fisub fisubr fidiv fidivr fild fisttp
    fist fistp`,
  X: `vcvtpd2ps vcvtpd2dq vcvttpd2dq vcvtpd2udq vcvttpd2udq vcvtqq2ps vcvtuqq2ps vcvtdq2ph vcvtudq2ph vcvtneps2bf16`,
  Z: `vfpclassps vfpclasspd vfpclassph vcvtpd2ph vcvtqq2ph vcvtuqq2ph`,
};

function parseNames(): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const [letter, words] of Object.entries(SUFFIXED)) {
    for (const word of words.split(/\s+/)) names.set(word, word + letter);
  }
  for (const line of TEMPLATES.trim().split("\n")) {
    const [key = "", template = ""] = line.split(": ");
    names.set(key, template);
  }
  return names;
}

const NAMES: ReadonlyMap<string, string> = /* @__PURE__ */ parseNames();

/** What a name depends on. */
export interface NameContext {
  readonly mnemonic: string;
  readonly encoding: string;
  /** Operand codes, with a space between. */
  readonly operands: string;
  /** 0, 1, 2: 16, 32, 64 bits. */
  readonly mode: number;
  readonly operandSize: number;
  readonly addressSize: number;
  /** 0, 1, 2: 128, 256, 512 bits. */
  readonly vectorLength: number;
  /** Whether there is a memory operand, and none with broadcast. */
  readonly memory: boolean;
  /** Bytes of the general memory operand, if no register tells it; else 0. */
  readonly untoldBytes: number;
  /** Operand code of the memory operand. */
  readonly memoryCode: string;
}

const SIZE_LETTERS = ["w", "l", "q"] as const;
const X87_LETTERS: Readonly<Record<string, string>> = { Mss: "s", Msd: "l", Mw: "s", Md: "l", Mq: "ll", Mt: "t" };
const UNTOLD_LETTERS: Readonly<Record<number, string>> = { 1: "b", 2: "w", 4: "l", 8: "q" };
const MODE_64 = 2;

function letterOf(capital: string, context: NameContext): string {
  const { mode, operandSize, addressSize, vectorLength, memory } = context;
  const bySize = SIZE_LETTERS[operandSize] ?? "";
  const differing = operandSize === mode ? "" : bySize;
  switch (capital) {
    case "S":
      return UNTOLD_LETTERS[context.untoldBytes] ?? "";
    case "F":
      return X87_LETTERS[context.memoryCode] ?? "";
    case "W":
      return bySize;
    case "D":
      return differing;
    case "A":
      return mode === MODE_64 ? bySize : differing;
    case "R":
      return mode !== MODE_64 ? "" : operandSize === 2 ? "q" : "l";
    case "E":
      return operandSize === Math.min(mode, 1) || operandSize === 2 ? "" : operandSize === 0 ? "s" : "l";
    case "L":
      return addressSize === mode ? "" : (SIZE_LETTERS[addressSize] ?? "");
    case "X":
      return memory ? (["x", "y"][vectorLength] ?? "") : "";
    case "Z":
      return memory ? (["x", "y", "z"][vectorLength] ?? "") : "";
    default:
      return capital;
  }
}

/** The mnemonic in AT&T syntax, in lower case. */
export function attName(context: NameContext): string {
  const { mnemonic, encoding, operands } = context;
  const template =
    NAMES.get(`${mnemonic} ${encoding}`) ?? NAMES.get(`${mnemonic} ${operands}`) ?? NAMES.get(mnemonic) ?? mnemonic;
  const bySize = template.split("|");
  const byAddress = (bySize[context.operandSize] ?? bySize[0] ?? "").split("/");
  const chosen = byAddress[context.addressSize] ?? byAddress[0] ?? "";
  return chosen.replace(/[A-Z]/, (capital) => letterOf(capital, context));
}
