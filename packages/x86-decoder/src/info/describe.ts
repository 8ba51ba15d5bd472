import { decodeBatch } from "../decode.ts";
import { type ControlFlow, FORMS } from "../forms.ts";
import { CPUID_FEATURES } from "../generated/info-tables.ts";
import { NO_REGISTER_ID, REGISTER_BYTES, REGISTER_CLASS, REGISTER_NAMES } from "../registers.ts";
import { createInstructionRows, DecoderError } from "../rows.ts";
import { ACCESS, CLASS, FLAG } from "./facts.ts";
import { createInstructionInfo, type InstructionInfo } from "./instruction-info.ts";
import { readInfo } from "./read-info.ts";

/** How something is used, as the instruction table writes it: read, written, both, each only in some cases (c). */
export type UseAccess = "r" | "w" | "rw" | "cr" | "cw" | "rcw" | "crw" | "a" | "n";

export type FlagName = "CF" | "PF" | "AF" | "ZF" | "SF" | "IF" | "DF" | "OF" | "AC" | "UIF" | "C0" | "C1" | "C2" | "C3";

/** What one instruction does, in words. */
export interface InstructionDescription {
  readonly mnemonic: string;
  /** Bytes, 1 to 15. */
  readonly length: number;
  readonly registers: readonly { readonly name: string; readonly bytes: number; readonly access: UseAccess }[];
  readonly memory: readonly {
    readonly segment: string;
    readonly base?: string;
    readonly index?: string;
    readonly scale: 1 | 2 | 4 | 8;
    /** Signed. Relative to the instruction's end when the base is the instruction pointer. */
    readonly displacement: bigint;
    /** 0: depends on the machine's state. */
    readonly bytes: number;
    readonly access: UseAccess;
  }[];
  readonly flags: {
    readonly read: readonly FlagName[];
    readonly written: readonly FlagName[];
    readonly cleared: readonly FlagName[];
    readonly set: readonly FlagName[];
    readonly undefined: readonly FlagName[];
  };
  readonly flow: ControlFlow;
  /** Address of a near branch's target. */
  readonly target?: bigint;
  /** Bytes added to the stack pointer. */
  readonly stackIncrement: number;
  /** Added to the x87 top. */
  readonly x87Increment: number;
  /** What CPUID must report, all of it; "base" for what every processor of the mode has. */
  readonly features: readonly string[];
  readonly privileged: boolean;
  readonly exits: "always" | "may" | "no";
  readonly mayFault: boolean;
  readonly endsBlock: boolean;
  readonly savesState: boolean;
}

export interface InstructionInfoOptions {
  /** Default operand size and, 64, the mode; 64 when absent. */
  readonly bits?: 16 | 32 | 64;
  /** Where in the bytes the instruction starts; 0 when absent. */
  readonly offset?: number;
  /** Address of that instruction, for branch targets; 0 when absent. */
  readonly address?: bigint;
}

const FLAG_NAMES: readonly (readonly [number, FlagName])[] = [
  [FLAG.carry, "CF"],
  [FLAG.parity, "PF"],
  [FLAG.auxiliary, "AF"],
  [FLAG.zero, "ZF"],
  [FLAG.sign, "SF"],
  [FLAG.interrupt, "IF"],
  [FLAG.direction, "DF"],
  [FLAG.overflow, "OF"],
  [FLAG.alignmentCheck, "AC"],
  [FLAG.userInterrupt, "UIF"],
  [FLAG.c0, "C0"],
  [FLAG.c1, "C1"],
  [FLAG.c2, "C2"],
  [FLAG.c3, "C3"],
];

const flagNames = (mask: number): FlagName[] =>
  FLAG_NAMES.filter(([bit]) => (mask & bit) !== 0).map(([, name]) => name);

const ACCESS_NAMES: Readonly<Record<number, UseAccess>> = {
  [ACCESS.none]: "n",
  [ACCESS.read]: "r",
  [ACCESS.write]: "w",
  [ACCESS.read | ACCESS.write]: "rw",
  [ACCESS.conditionalRead]: "cr",
  [ACCESS.conditionalWrite]: "cw",
  [ACCESS.read | ACCESS.conditionalWrite]: "rcw",
  [ACCESS.conditionalRead | ACCESS.conditionalWrite]: "crw",
  [ACCESS.address]: "a",
};

const accessName = (access: number): UseAccess => ACCESS_NAMES[access] ?? "n";

const registerName = (id: number): string => REGISTER_NAMES[id] ?? "";

const SCALES = [1, 2, 4, 8] as const;

const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

function memoryOf(info: InstructionInfo): InstructionDescription["memory"] {
  return range(info.memoryCount).map((n) => {
    const base = info.base[n]!;
    const index = info.index[n]!;
    return {
      segment: registerName((REGISTER_CLASS.segment << 5) | info.segment[n]!),
      ...(base === NO_REGISTER_ID ? {} : { base: registerName(base) }),
      ...(index === NO_REGISTER_ID ? {} : { index: registerName(index) }),
      scale: SCALES[info.scaleShift[n]!]!,
      displacement: (BigInt(info.displacementHigh[n]!) << 32n) | BigInt(info.displacement[n]! >>> 0),
      bytes: info.bytes[n]!,
      access: accessName(info.memoryAccess[n]!),
    };
  });
}

/**
 * What the instruction at the start of `bytes` (or at `offset`) does; undefined for bytes that are no instruction or end too
 * early. For many instructions use `decodeBatch` and `readInfo`, which allocate nothing. Throws a DecoderError for a mode that
 * does not exist or an offset outside of the bytes.
 */
export function instructionInfo(
  bytes: Uint8Array,
  { bits = 64, offset = 0, address = 0n }: InstructionInfoOptions = {},
): InstructionDescription | undefined {
  if (bits !== 16 && bits !== 32 && bits !== 64) {
    throw new DecoderError(`instructionInfo: ${bits} bits were asked for; it must be 16, 32 or 64`);
  }
  if (!Number.isSafeInteger(offset) || offset < 0 || offset > bytes.length) {
    throw new DecoderError(
      `instructionInfo: offset ${offset} was asked for; it must be a whole number from 0 to ${bytes.length}`,
    );
  }
  const rows = createInstructionRows(1);
  if (decodeBatch(bytes, offset, bytes.length, bits, rows) === 0 || rows.form[0] === 0) return undefined;
  const info = readInfo(rows, 0, createInstructionInfo());
  const form = FORMS[rows.form[0]!]!;
  const has = (bit: number): boolean => (info.class & bit) !== 0;
  const target = BigInt.asUintN(info.targetBits, address + BigInt(info.target - offset));
  return {
    mnemonic: form.mnemonic,
    length: rows.length[0]!,
    registers: range(info.registerCount).map((n) => ({
      name: registerName(info.register[n]!),
      bytes: REGISTER_BYTES[info.register[n]! >> 5]!,
      access: accessName(info.registerAccess[n]!),
    })),
    memory: memoryOf(info),
    flags: {
      read: flagNames(info.flagsRead),
      written: flagNames(info.flagsWritten),
      cleared: flagNames(info.flagsCleared),
      set: flagNames(info.flagsSet),
      undefined: flagNames(info.flagsUndefined),
    },
    flow: form.flow,
    ...(info.hasTarget ? { target } : {}),
    stackIncrement: info.stackIncrement,
    x87Increment: info.x87Increment,
    features: [...CPUID_FEATURES[info.feature]!.split("+"), ...(has(CLASS.vectorLength) ? ["avx512vl"] : [])],
    privileged: has(CLASS.privileged),
    exits: has(CLASS.exits) ? "always" : has(CLASS.mayExit) ? "may" : "no",
    mayFault: has(CLASS.mayFault),
    endsBlock: has(CLASS.endsBlock),
    savesState: has(CLASS.savesState),
  };
}
