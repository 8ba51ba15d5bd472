import type * as Iced from "iced-x86";
import {
  FORMS,
  type InstructionRows,
  NO_REGISTER_ID,
  REGISTER_CLASS,
  REGISTER_NAMES,
  ROW_FLAGS,
  SEGMENT,
} from "../../src/index.ts";
import {
  ACCESS,
  CLASS,
  CPUID_FEATURES,
  createInstructionInfo,
  FLAG,
  type InstructionInfo,
  readInfo,
} from "../../src/info/index.ts";
import { iced } from "./iced.ts";
import type { Comparison } from "./verification.ts";

/** A part of an instruction's information that is compared by itself. */
type Aspect =
  | "registers"
  | "memory"
  | "operands"
  | "flags written"
  | "flags cleared"
  | "privilege"
  | "features"
  | "exits";

export interface AcceptedDifference {
  readonly mnemonics: readonly string[];
  readonly aspects: readonly Aspect[];
  readonly why: string;
}

/** Where iced-x86 says something else and the manual is on our side. */
export const ACCEPTED_INFO_DIFFERENCES: readonly AcceptedDifference[] = [
  {
    mnemonics: ["sar"],
    aspects: ["flags written", "flags cleared"],
    why: "A shift by 1 clears OF (SDM Vol 2B, SAL/SAR/SHL/SHR, Flags Affected); iced-x86 has it written.",
  },
  {
    mnemonics: ["rdsspd", "rdsspq"],
    aspects: ["registers", "operands"],
    why: "The destination is written only if shadow stacks are enabled (SDM Vol 2B, RDSSPD/RDSSPQ, Operation).",
  },
  {
    mnemonics: ["monitor", "mwait"],
    aspects: ["privilege"],
    why: "#UD unless the privilege level is 0 (SDM Vol 2B, MONITOR and MWAIT, Protected Mode Exceptions).",
  },
  {
    mnemonics: ["clzero"],
    aspects: ["memory"],
    why: "The cache line at rAX is written (AMD APM Vol 3, CLZERO); iced-x86 lists no memory.",
  },
  {
    mnemonics: ["xlatb"],
    aspects: ["operands"],
    why: "Its memory is implied here, not an operand (SDM Vol 2C, XLAT/XLATB, the no-operands form).",
  },
  {
    mnemonics: ["fldenv", "fnstenv", "frstor", "fnsave"],
    aspects: ["features"],
    why: "One form serves both formats (SDM Vol 1, 8.1.10); iced-x86 wants a 387 for the 32-bit one.",
  },
  {
    mnemonics: ["int3", "int1", "ud0", "ud1", "ud2"],
    aspects: ["exits"],
    why: "Their exceptions exit as the exception bitmap says (SDM Vol 3C, Other Causes of VM Exits), not always.",
  },
];

const enumNames = (values: object): string[] => {
  const names: string[] = [];
  for (const [name, value] of Object.entries(values)) if (typeof value === "number") names[value] = name.toLowerCase();
  return names;
};

/** Our register ids by iced-x86's. */
const REGISTER_IDS: readonly number[] = enumNames(iced.Register).map((name) => {
  const id = REGISTER_NAMES.indexOf(name.replace(/^(r\d+)l$/, "$1b"));
  return id < 0 ? NO_REGISTER_ID : id;
});

const { read, write, conditionalRead, conditionalWrite, address } = ACCESS;

/** Our ACCESS by iced-x86's OpAccess. */
const ACCESSES: readonly number[] = [
  ...[0, read, conditionalRead, write, conditionalWrite, read | write, read | conditionalWrite, address],
];

/** Our flags, in the order of iced-x86's bits. */
const FLAG_BITS: readonly number[] = [
  ...[FLAG.overflow, FLAG.sign, FLAG.zero, FLAG.auxiliary, FLAG.carry, FLAG.parity, FLAG.direction, FLAG.interrupt],
  ...[FLAG.alignmentCheck, FLAG.userInterrupt, FLAG.c0, FLAG.c1, FLAG.c2, FLAG.c3],
];

const flagsOf = (theirs: number): number =>
  FLAG_BITS.reduce((mask, bit, i) => ((theirs >> i) & 1 ? mask | bit : mask), 0);

const FLOW_NAMES: readonly string[] = [
  ...["Next", "UnconditionalBranch", "ConditionalBranch", "Call", "Return", "IndirectBranch", "IndirectCall"],
  ...["Interrupt", "Exception", "XbeginXabortXend"],
];

const FEATURE_NAMES: readonly string[] = enumNames(iced.CpuidFeature).map((name) =>
  name === "cmpxchg16b" ? "cx16" : name,
);

/** What every processor has, in iced-x86's terms. */
const BASE_FEATURE = /^(intel8086|intel8086_only|intel186|intel286|intel286_only|intel386\w*|intel486\w*|x64)$/;

const PARTS = [read, write, conditionalRead, conditionalWrite] as const;

interface Exits {
  readonly always: boolean;
  readonly may: boolean;
}

const NOTHING: ReadonlySet<Aspect> = new Set();

/** Compares what `readInfo` says with iced-x86's InstructionInfoFactory and Instruction. */
export class InfoComparison {
  readonly #info: InstructionInfo = createInstructionInfo();
  readonly #factory = new iced.InstructionInfoFactory();
  readonly #exits = new Map<number, Exits>();
  readonly #accepted = new Map<string, Set<Aspect>>();

  constructor(accepted: readonly AcceptedDifference[] = ACCEPTED_INFO_DIFFERENCES) {
    for (const { mnemonics, aspects } of accepted) {
      for (const mnemonic of mnemonics) {
        this.#accepted.set(mnemonic, new Set([...(this.#accepted.get(mnemonic) ?? []), ...aspects]));
      }
    }
  }

  /**
   * What is different in row `i`, which iced-x86 decoded into `theirs` at address `base` + the row's offset; undefined
   * when all is the same but for what is accepted.
   */
  difference(rows: InstructionRows, i: number, theirs: Iced.Instruction, base = 0n): string | undefined {
    const info = readInfo(rows, i, this.#info);
    const { mnemonic } = FORMS[rows.form[i]!]!;
    const accepted = this.#accepted.get(mnemonic) ?? NOTHING;
    const usage = this.#factory.info(theirs);
    const what =
      (accepted.has("operands") ? undefined : operandDifference(info, theirs, usage)) ??
      (accepted.has("registers") ? undefined : registerDifference(info, usage)) ??
      (accepted.has("memory") ? undefined : memoryDifference(rows, i, info, usage, base)) ??
      flagDifference(info, theirs, accepted) ??
      flowDifference(info, theirs, base) ??
      (accepted.has("features") ? undefined : featureDifference(info, theirs)) ??
      (accepted.has("exits") ? undefined : this.#exitDifference(info, theirs));
    usage.free();
    if (what !== undefined) return what;
    const privileged = (info.class & CLASS.privileged) !== 0;
    return accepted.has("privilege") || privileged === theirs.isPrivileged ? undefined : `privileged is ${privileged}`;
  }

  #exitDifference(info: InstructionInfo, theirs: Iced.Instruction): string | undefined {
    let exits = this.#exits.get(theirs.code);
    if (exits === undefined) {
      const opCode = theirs.opCode;
      exits = { always: opCode.intelVmExit, may: opCode.intelMayVmExit };
      opCode.free();
      this.#exits.set(theirs.code, exits);
    }
    const always = (info.class & CLASS.exits) !== 0;
    const may = (info.class & CLASS.mayExit) !== 0;
    return always === exits.always && may === exits.may ? undefined : `exits: always ${always}, may ${may}`;
  }
}

function operandDifference(
  info: InstructionInfo,
  theirs: Iced.Instruction,
  usage: Iced.InstructionInfo,
): string | undefined {
  const { count } = info.operands;
  if (theirs.opCount !== count) return `${count} operands instead of ${theirs.opCount}`;
  for (let n = 0; n < count; n++) {
    const access = usage.opAccess(n);
    if (ACCESSES[access] !== info.operandAccess[n]) return `access of operand ${n} is not ${iced.OpAccess[access]}`;
  }
  return undefined;
}

/** Adds to `list` a number for each register and each kind of access of it. */
function addRegister(list: number[], id: number, access: number): void {
  for (const part of PARTS) if ((access & part) !== 0) list.push((id << 4) | part);
}

const registerText = (entry: number): string => `${REGISTER_NAMES[entry >> 4]}/${entry & 15}`;

function registerDifference(info: InstructionInfo, usage: Iced.InstructionInfo): string | undefined {
  const ours: number[] = [];
  const others: number[] = [];
  for (let n = 0; n < info.registerCount; n++) addRegister(ours, info.register[n]!, info.registerAccess[n]!);
  for (const used of usage.usedRegisters() as Iced.UsedRegister[]) {
    addRegister(others, REGISTER_IDS[used.register]!, ACCESSES[used.access]!);
    used.free();
  }
  const extra = ours.find((entry) => !others.includes(entry));
  if (extra !== undefined) return `register ${registerText(extra)} too many`;
  const missing = others.find((entry) => !ours.includes(entry));
  return missing === undefined ? undefined : `register ${registerText(missing)} is missing`;
}

/** Bits of the addresses that a base or index register makes; 0 for vector registers and without one. */
function registerBits(id: number): number {
  const registerClass = id >> 5;
  if (registerClass >= REGISTER_CLASS.gpr16 && registerClass <= REGISTER_CLASS.gpr64) {
    return 16 << (registerClass - REGISTER_CLASS.gpr16);
  }
  return registerClass === REGISTER_CLASS.instructionPointer ? 16 << (id & 31) : 0;
}

/** One memory location as text, comparable between the two. */
function memoryText(
  mode64: boolean,
  addressBits: number,
  segment: number,
  base: number,
  index: number,
  scale: number,
  displacement: bigint,
  bytes: number,
  access: number,
): string {
  // In 64-bit mode only FS and GS count (SDM Vol 1, 3.4.2.1); iced-x86 reports the others for printing.
  const effective = mode64 && segment < SEGMENT.fs ? SEGMENT.ds : segment;
  const bits = registerBits(base) || registerBits(index) || addressBits;
  return `${effective} ${base} ${index}*${index === NO_REGISTER_ID ? 1 : scale} ${BigInt.asUintN(bits, displacement)} ${bytes} ${access}`;
}

function memoryDifference(
  rows: InstructionRows,
  i: number,
  info: InstructionInfo,
  usage: Iced.InstructionInfo,
  base: bigint,
): string | undefined {
  const flags = rows.flags[i]!;
  const mode64 = ((flags >> ROW_FLAGS.modeShift) & 3) === 2;
  const addressBits = 16 << ((flags >> ROW_FLAGS.addressSizeShift) & 3);
  const others = (usage.usedMemory() as Iced.UsedMemory[]).map((used) => {
    const text = memoryText(
      mode64,
      addressBits,
      REGISTER_IDS[used.segment]! & 31,
      REGISTER_IDS[used.base]!,
      REGISTER_IDS[used.index]!,
      used.scale,
      used.displacement,
      iced.MemorySizeExt.size(used.memorySize),
      ACCESSES[used.access]!,
    );
    used.free();
    return text;
  });
  const ours: string[] = [];
  for (let n = 0; n < info.memoryCount; n++) {
    // iced-x86 works addresses relative to the instruction pointer out.
    const isRelative = info.base[n]! >> 5 === REGISTER_CLASS.instructionPointer;
    const next = isRelative ? base + BigInt(rows.offset[i]! + rows.length[i]!) : 0n;
    const displacement = (BigInt(info.displacementHigh[n]!) << 32n) | BigInt(info.displacement[n]! >>> 0);
    ours.push(
      memoryText(
        mode64,
        addressBits,
        info.segment[n]!,
        isRelative ? NO_REGISTER_ID : info.base[n]!,
        info.index[n]!,
        1 << info.scaleShift[n]!,
        displacement + next,
        info.bytes[n]!,
        info.memoryAccess[n]!,
      ),
    );
  }
  const [own, other] = [ours.sort().join(", "), others.sort().join(", ")];
  return own === other ? undefined : `memory ${own} instead of ${other}`;
}

function flagDifference(
  info: InstructionInfo,
  theirs: Iced.Instruction,
  accepted: ReadonlySet<Aspect>,
): string | undefined {
  const { flagsRead, flagsWritten, flagsCleared, flagsSet, flagsUndefined } = info;
  if (flagsRead !== flagsOf(theirs.rflagsRead)) return `flags read ${flagsRead}`;
  if (!accepted.has("flags written") && flagsWritten !== flagsOf(theirs.rflagsWritten))
    return `flags written ${flagsWritten}`;
  if (!accepted.has("flags cleared") && flagsCleared !== flagsOf(theirs.rflagsCleared))
    return `flags cleared ${flagsCleared}`;
  if (flagsSet !== flagsOf(theirs.rflagsSet)) return `flags set ${flagsSet}`;
  if (flagsUndefined !== flagsOf(theirs.rflagsUndefined)) return `flags undefined ${flagsUndefined}`;
  const modified = flagsWritten | flagsCleared | flagsSet | flagsUndefined;
  return modified === flagsOf(theirs.rflagsModified) ? undefined : `flags modified ${modified}`;
}

function flowDifference(info: InstructionInfo, theirs: Iced.Instruction, base: bigint): string | undefined {
  const flow = iced.FlowControl[theirs.flowControl];
  if (FLOW_NAMES[info.flow] !== flow) return `flow ${FLOW_NAMES[info.flow]} instead of ${flow}`;
  if (info.hasTarget && BigInt.asUintN(info.targetBits, base + BigInt(info.target)) !== theirs.nearBranchTarget) {
    return `target ${info.target}`;
  }
  if (info.stackIncrement !== theirs.stackPointerIncrement) {
    return `stack pointer by ${info.stackIncrement} instead of ${theirs.stackPointerIncrement}`;
  }
  const writesTop = (info.class & CLASS.writesTop) !== 0;
  const isConditional = (info.class & CLASS.conditionalTop) !== 0;
  if (
    info.x87Increment !== theirs.fpuTopIncrement ||
    writesTop !== theirs.fpuWritesTop ||
    isConditional !== theirs.fpuCondWritesTop
  ) {
    return `x87 top by ${info.x87Increment} instead of ${theirs.fpuTopIncrement}`;
  }
  const savesState = (info.class & CLASS.savesState) !== 0;
  return savesState === theirs.isSaveRestoreInstruction ? undefined : `saves state is ${savesState}`;
}

function featureDifference(info: InstructionInfo, theirs: Iced.Instruction): string | undefined {
  const others = Array.from(theirs.cpuidFeatures(), (feature) => FEATURE_NAMES[feature] ?? "");
  const ours = (CPUID_FEATURES[info.feature] ?? "").split("+");
  if ((info.class & CLASS.vectorLength) !== 0) ours.push("avx512vl");
  const same =
    ours.length === others.length &&
    others.every((name) => ours.includes(name) || (ours[0] === "base" && BASE_FEATURE.test(name)));
  return same ? undefined : `features ${ours.join("+")} instead of ${others.join("+")}`;
}

/** A comparison of information for `Verification`, with state of its own. */
export function createInfoComparison(): Comparison {
  const comparison = new InfoComparison();
  return (rows, i, theirs, base) => comparison.difference(rows, i, theirs, base);
}
