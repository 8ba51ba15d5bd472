import type * as Iced from "iced-x86";
import {
  createOperandList,
  FORMS,
  type InstructionForm,
  type InstructionRows,
  NO_REGISTER_ID,
  OPERAND_KIND,
  type OperandList,
  REGISTER_NAMES,
  ROW_FLAGS,
  ROW_REGISTERS,
  readOperands,
} from "../../src/index.ts";
import { iced } from "./iced.ts";

/** Names that iced-x86 gives to what is one form here, or that the manual spells otherwise (README, "Names"). */
const SAME_NAME: Readonly<Record<string, string>> = {
  iretd: "iret",
  iretq: "iret",
  pushfd: "pushf",
  pushfq: "pushf",
  popfd: "popf",
  popfq: "popf",
  pushad: "pusha",
  popad: "popa",
  jcxz: "jrcxz",
  jecxz: "jrcxz",
  sal: "shl",
  sysretq: "sysret",
  sysexitq: "sysexit",
  wait: "fwait",
  getsecq: "getsec",
};

/** A difference from iced-x86 that stays, because the manual says so; listed in the README. */
export interface AcceptedDifference {
  readonly name: string;
  /** What the manual says, and where. */
  readonly reason: string;
  readonly applies: (form: InstructionForm) => boolean;
}

const mnemonicIn = (...names: string[]): ((form: InstructionForm) => boolean) => {
  const set = new Set(names);
  return ({ mnemonic }) => set.has(mnemonic);
};

/** In the width of a register operand. */
export const ACCEPTED_WIDTHS: readonly AcceptedDifference[] = [
  {
    name: "selector operands",
    reason:
      "r/m16 in SDM Vol 2 (ARPL, LLDT, LMSW, LTR, VERR, MOV to Sreg); iced-x86 names a register of the operand size",
    applies: (form) =>
      mnemonicIn("arpl", "lldt", "lmsw", "ltr", "verr", "verw")(form) ||
      (form.mnemonic === "mov" && form.operands[0] === "Sw"),
  },
  {
    name: "TPAUSE and UMWAIT with REX.W",
    reason: "r32 in SDM Vol 2 (TPAUSE, UMWAIT); iced-x86 names a 64-bit register",
    applies: mnemonicIn("tpause", "umwait"),
  },
];

/** In the number of operands. */
export const ACCEPTED_OPERANDS: readonly AcceptedDifference[] = [
  {
    name: "XLATB",
    reason: "has no explicit operand in SDM Vol 2 (XLAT/XLATB); iced-x86 gives it the memory at rBX + AL",
    applies: mnemonicIn("xlatb"),
  },
];

const formsOf = (accepted: readonly AcceptedDifference[]): Uint8Array =>
  Uint8Array.from(FORMS, (form) => (accepted.some(({ applies }) => applies(form)) ? 1 : 0));

const HAS_OTHER_WIDTH = formsOf(ACCEPTED_WIDTHS);
const HAS_OTHER_OPERANDS = formsOf(ACCEPTED_OPERANDS);

const enumNames = (values: object): string[] => {
  const names: string[] = [];
  for (const [name, value] of Object.entries(values)) if (typeof value === "number") names[value] = name.toLowerCase();
  return names;
};

const MNEMONICS: readonly string[] = enumNames(iced.Mnemonic).map((name) => SAME_NAME[name] ?? name);

/** Our register ids by iced-x86's. */
const REGISTER_IDS: readonly number[] = enumNames(iced.Register).map((name) => {
  const id = REGISTER_NAMES.indexOf(name.replace(/^(r\d+)l$/, "$1b"));
  return id < 0 ? NO_REGISTER_ID : id;
});

const { OpKind } = iced;

const FIRST_STRING_KIND = OpKind.MemorySegSI;
const LAST_STRING_KIND = OpKind.MemoryESRDI;

/** Whether an operand of ours is what iced-x86 has at the same place; the text says what is not the same. */
function operandDifference(
  rows: InstructionRows,
  i: number,
  ours: OperandList,
  n: number,
  theirs: Iced.Instruction,
  base: bigint,
): string | undefined {
  const kind = theirs.opKind(n);
  switch (ours.kind[n]) {
    case OPERAND_KIND.register:
      if (kind !== OpKind.Register) return `operand ${n} is a register`;
      return REGISTER_IDS[theirs.opRegister(n)] === ours.register[n]
        ? undefined
        : `operand ${n} is ${REGISTER_NAMES[ours.register[n]!]} instead of ${iced.Register[theirs.opRegister(n)]}`;
    case OPERAND_KIND.memory: {
      if (iced.MemorySizeExt.size(theirs.memorySize) !== ours.size[n]) {
        return `operand ${n} has ${ours.size[n]} bytes instead of ${iced.MemorySizeExt.size(theirs.memorySize)}`;
      }
      if (kind >= FIRST_STRING_KIND && kind <= LAST_STRING_KIND) {
        const expected = OpKind[kind]!.replace(/^Memory(Seg|ES)/, "").toLowerCase();
        return REGISTER_NAMES[ours.register[n]!] === expected ? undefined : `operand ${n} is not at ${expected}`;
      }
      if (kind !== OpKind.Memory) return `operand ${n} is memory`;
      return memoryDifference(rows, i, ours, n, theirs, base);
    }
    case OPERAND_KIND.immediate: {
      if (kind < OpKind.Immediate8 || kind > OpKind.Immediate32to64) return `operand ${n} is an immediate`;
      const part = ours.part[n]!;
      const low = rows.immediate[i]!;
      const value =
        part === 1
          ? BigInt(rows.immediate2[i]!)
          : part === 2
            ? 1n
            : part === 3
              ? BigInt(low & 15)
              : ours.size[n] === 8
                ? (BigInt(rows.immediate2[i]!) << 32n) | BigInt(low >>> 0)
                : BigInt(low);
      const bits = ours.size[n]! * 8;
      return BigInt.asUintN(bits, value) === BigInt.asUintN(bits, theirs.immediate(n))
        ? undefined
        : `operand ${n} is ${value} instead of ${theirs.immediate(n)}`;
    }
    case OPERAND_KIND.branch: {
      if (kind > OpKind.NearBranch64 || kind < OpKind.NearBranch16) return `operand ${n} is a near branch`;
      const target = BigInt.asUintN(
        ours.size[n]! * 8,
        base + BigInt(rows.offset[i]! + rows.length[i]! + rows.immediate[i]!),
      );
      return target === theirs.nearBranchTarget ? undefined : `target ${target} instead of ${theirs.nearBranchTarget}`;
    }
    default: {
      if (kind !== OpKind.FarBranch16 && kind !== OpKind.FarBranch32) return `operand ${n} is a far pointer`;
      const offset = kind === OpKind.FarBranch16 ? theirs.farBranch16 : theirs.farBranch32;
      const same = theirs.farBranchSelector === rows.immediate2[i] && offset >>> 0 === rows.immediate[i]! >>> 0;
      return same ? undefined : "far pointer";
    }
  }
}

function memoryDifference(
  rows: InstructionRows,
  i: number,
  ours: OperandList,
  n: number,
  theirs: Iced.Instruction,
  base: bigint,
): string | undefined {
  const flags = rows.flags[i]!;
  if (REGISTER_IDS[theirs.memoryBase] !== ours.register[n]) return `base of operand ${n}`;
  if (REGISTER_IDS[theirs.memoryIndex] !== ours.index[n]) return `index of operand ${n}`;
  if (ours.index[n] !== NO_REGISTER_ID) {
    if (theirs.memoryIndexScale !== 1 << (rows.registers[i]! >>> ROW_REGISTERS.scaleShift))
      return `scale of operand ${n}`;
  }
  const mode64 = ((flags >> ROW_FLAGS.modeShift) & 3) === 2;
  const segment = REGISTER_IDS[theirs.memorySegment]! & 7;
  // In 64-bit mode only FS and GS count (SDM Vol 1, 3.4.2.1); iced-x86 reports the others for printing.
  if ((mode64 && segment < 4 ? 3 : segment) !== (mode64 && ours.segment[n]! < 4 ? 3 : ours.segment[n])) {
    return `segment of operand ${n}`;
  }
  const addressBits = 16 << ((flags >> ROW_FLAGS.addressSizeShift) & 3);
  const isRip = theirs.isIpRelMemoryOperand;
  const displacement =
    addressBits === 64 && (rows.registers[i]! & 3) === 0 && FORMS[rows.form[i]!]!.operands[n]!.startsWith("O")
      ? (BigInt(rows.immediate2[i]!) << 32n) | BigInt(rows.displacement[i]! >>> 0)
      : BigInt(rows.displacement[i]!) + (isRip ? base + BigInt(rows.offset[i]! + rows.length[i]!) : 0n);
  return BigInt.asUintN(addressBits, displacement) === BigInt.asUintN(addressBits, theirs.memoryDisplacement)
    ? undefined
    : `displacement of operand ${n}: ${displacement} instead of ${theirs.memoryDisplacement}`;
}

/** Compares what the decoders make of the same bytes; one for any number of instructions. */
export class DecodingComparison {
  readonly #operands: OperandList = createOperandList();

  /**
   * What differs between row `i` and iced-x86's instruction (undefined: it calls the bytes invalid): validity, length,
   * mnemonic, operands, masking. `base` is the address of offset 0.
   */
  difference(rows: InstructionRows, i: number, theirs: Iced.Instruction | undefined, base: bigint): string | undefined {
    const form = FORMS[rows.form[i]!]!;
    if (form.id === 0) return theirs === undefined ? undefined : "invalid here only";
    if (theirs === undefined) return "valid here only";
    if (rows.length[i] !== theirs.length) return `${rows.length[i]} bytes instead of ${theirs.length}`;
    const mnemonic = MNEMONICS[theirs.mnemonic];
    if (form.mnemonic !== mnemonic) return `${form.mnemonic} instead of ${mnemonic}`;
    if (
      ((rows.flags[i]! >> ROW_FLAGS.maskShift) & 7) !==
      (theirs.opMask === iced.Register.None ? 0 : REGISTER_IDS[theirs.opMask]! & 7)
    )
      return "mask";
    if (((rows.flags[i]! & ROW_FLAGS.zeroing) !== 0) !== theirs.zeroingMasking) return "zeroing";
    const ours = readOperands(rows, i, this.#operands);
    if (HAS_OTHER_OPERANDS[form.id] === 1) return undefined;
    if (ours.count !== theirs.opCount) return `${ours.count} operands instead of ${theirs.opCount}`;
    const anyWidth = HAS_OTHER_WIDTH[form.id] === 1;
    for (let n = 0; n < ours.count; n++) {
      if (anyWidth && ours.kind[n] === OPERAND_KIND.register && theirs.opKind(n) === OpKind.Register) {
        const [own, other] = [ours.register[n]! & 31, REGISTER_IDS[theirs.opRegister(n)]! & 31];
        if (own !== other) return `operand ${n} is another register`;
        continue;
      }
      const difference = operandDifference(rows, i, ours, n, theirs, base);
      if (difference !== undefined) return difference;
    }
    return undefined;
  }
}
