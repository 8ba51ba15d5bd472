import { createRequire } from "node:module";
import type * as Iced from "iced-x86";
import {
  createDecodedInstruction,
  DECODE_STATUS,
  type DecodedInstruction,
  decodeInto,
  FORMS,
  type InstructionForm,
} from "../src/index.ts";

const iced = createRequire(import.meta.url)("iced-x86") as typeof Iced;

/** What iced-x86 made of the bytes. */
interface IcedAnswer {
  readonly isInvalid: boolean;
  readonly length: number;
  readonly mnemonic: string;
  /** True for instruction sets that the instruction table does not have yet. */
  readonly isLaterSet: boolean;
  readonly memory: string;
}

/** Features of iced-x86's list whose instructions the table does not have yet: x87, MMX, SSE and what came after. */
const LATER_SETS = new RegExp(
  [
    "^(FPU|MMX|SSE|SSSE|CYRIX|D3NOW|AES|PCLMULQDQ|SHA|AVX|FMA|F16C|BMI|TBM|XOP|LWP|GFNI|VAES|VPCLMUL|AMX|KNC|PADLOCK",
    "FXSR|GEODE|MVEX|MCOMMIT|SNP|SEV|SEAM|TDX|PREFETCHITI|FRED|MSRLIST|WRMSRNS|RAO_INT|RMPQUERY|TSE)",
  ].join("|"),
);

const isLater = (feature: number): boolean => LATER_SETS.test(iced.CpuidFeature[feature] ?? "");

/** Names that iced-x86 and the SDM give differently. */
const SAME_NAME: Readonly<Record<string, string>> = {
  retnd: "ret",
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
  reservednop: "nop",
  wait: "fwait",
  getsecq: "getsec",
};

/** Names of the table that no instruction of the later sets shares, as MOVSD and CMPSD do. */
const TABLE_NAMES: ReadonlySet<string> = new Set(
  FORMS.map(({ mnemonic }) => mnemonic).filter((name) => name !== "movsd" && name !== "cmpsd"),
);

const plainName = (name: string): string => SAME_NAME[name] ?? name;

export class Comparison {
  readonly #decoded: DecodedInstruction = createDecodedInstruction();
  readonly differences = new Map<string, string>();
  readonly covered = new Set<number>();
  compared = 0;
  laterSets = 0;
  knownGaps = 0;

  /** Compares the instruction at the start of the bytes; returns its length as iced-x86 sees it. */
  compare(bytes: Uint8Array, bits: 16 | 32 | 64): number {
    const d = this.#decoded;
    const status = decodeInto(bytes, 0, bytes.length, bits, d);
    const theirs = icedAnswer(bytes, bits);
    this.compared++;
    const ours = status === DECODE_STATUS.ok ? (FORMS[d.form] as InstructionForm) : undefined;
    if (theirs.isLaterSet && !TABLE_NAMES.has(theirs.mnemonic)) {
      this.laterSets++;
      return theirs.length;
    }
    if (ours !== undefined && !theirs.isInvalid) this.covered.add(d.form);
    if (theirs.isInvalid && ours?.mnemonic === "ptwrite") {
      // PTWRITE with 66 is #UD (SDM Vol 2B, PTWRITE), which the table cannot say yet: listed in the README.
      this.knownGaps++;
      return 1;
    }
    const problem = difference(ours, d, theirs, bits);
    if (problem !== undefined) {
      const name = theirs.isInvalid ? `invalid, ours ${ours?.mnemonic}` : theirs.mnemonic;
      const key = `${bits} ${name}: ${problem.kind}`;
      if (!this.differences.has(key))
        this.differences.set(key, `${Buffer.from(bytes.subarray(0, 15)).toString("hex")} ${problem.text}`);
    }
    return Math.max(1, theirs.length);
  }
}

function icedAnswer(bytes: Uint8Array, bits: 16 | 32 | 64): IcedAnswer {
  const decoder = new iced.Decoder(bits, bytes, iced.DecoderOptions.None);
  const instruction = decoder.decode();
  const features = [...instruction.cpuidFeatures()];
  const isInvalid = instruction.code === iced.Code.INVALID;
  const answer = {
    isInvalid,
    length: instruction.length,
    mnemonic: plainName((iced.Mnemonic[instruction.mnemonic] ?? "").toLowerCase()),
    isLaterSet: !isInvalid && features.some(isLater),
    memory: isInvalid ? "" : memoryText(instruction, bits),
  };
  instruction.free();
  decoder.free();
  return answer;
}

/**
 * Base, index, scale, segment. In 64-bit mode only FS and GS are compared: the other overrides have no effect there (SDM Vol 1,
 * 3.4.2.1), and iced-x86 reports them for printing.
 */
function memoryText(instruction: Iced.Instruction, bits: number): string {
  for (let i = 0; i < instruction.opCount; i++) {
    if (instruction.opKind(i) !== iced.OpKind.Memory) continue;
    const name = (register: number): string =>
      register === iced.Register.None ? "-" : (iced.Register[register] ?? "?");
    return `${name(instruction.memoryBase)} ${name(instruction.memoryIndex)} ${instruction.memoryIndexScale} ${effectiveSegment(name(instruction.memorySegment), bits)}`;
  }
  return "";
}

const effectiveSegment = (segment: string, bits: number): string =>
  bits === 64 && segment !== "FS" && segment !== "GS" ? "flat" : segment;

function difference(
  ours: InstructionForm | undefined,
  d: DecodedInstruction,
  theirs: IcedAnswer,
  bits: number,
): { readonly kind: string; readonly text: string } | undefined {
  if (ours === undefined)
    return theirs.isInvalid ? undefined : { kind: "invalid here", text: `iced-x86 has ${theirs.mnemonic}` };
  if (theirs.isInvalid) return { kind: "valid here only", text: `${ours.mnemonic} of ${d.length} bytes` };
  if (d.length !== theirs.length) return { kind: "length", text: `${d.length} instead of ${theirs.length}` };
  if (ours.mnemonic !== theirs.mnemonic)
    return { kind: "mnemonic", text: `${ours.mnemonic} instead of ${theirs.mnemonic}` };
  const memory = ourMemory(ours, d, bits);
  if (memory !== undefined && theirs.memory !== "" && memory !== theirs.memory)
    return { kind: "memory", text: `${memory} instead of ${theirs.memory}` };
  return undefined;
}

const NAMES = ["AX", "CX", "DX", "BX", "SP", "BP", "SI", "DI"];
const SEGMENTS = ["ES", "CS", "SS", "DS", "FS", "GS"];

function registerName(number: number, size: number): string {
  if (number < 0) return "-";
  if (number === 16) return size === 64 ? "RIP" : "EIP";
  if (number > 7) return size === 64 ? `R${number}` : `R${number}${size === 32 ? "D" : "W"}`;
  return `${size === 64 ? "R" : size === 32 ? "E" : ""}${NAMES[number]}`;
}

function ourMemory(form: InstructionForm, d: DecodedInstruction, bits: number): string | undefined {
  if (!form.operands.some((code) => /^(E|M)/.test(code)) || d.mod === 3) return undefined;
  return `${registerName(d.base, d.addressSize)} ${registerName(d.index, d.addressSize)} ${1 << d.scaleShift} ${effectiveSegment(SEGMENTS[d.segment] ?? "?", bits)}`;
}
