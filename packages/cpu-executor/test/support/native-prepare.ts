import { BASE_RIP, type DecodedInstruction, type InstructionForm, NO_REGISTER } from "@likex/x86-decoder";
import { semanticsName } from "../../src/shapes.ts";
import { floatState } from "./float-state.ts";
import { BORDER_OFFSET, type Environment, LDT, LINUX, SELECTORS } from "./native-environment.ts";
import { FX_BYTES, type NativeRecords, RECORD } from "./native-record.ts";
import { environmentOf } from "./native-state.ts";
import { Random } from "./random.ts";

/** Where branches go: their offset from the start of the code. */
export const LANDING = 0x60;

const [RAX, RCX, RDX, RSP] = [0, 1, 2, 4];
const TRAP_FLAG = 0x100;
const FS = 4;
const GS = 5;
const LDT_BIT = 4;
const LOW_16 = 0xffff;

/** Selectors that a far transfer may be given beside the code's own: those that are refused. */
const NO_CODE: readonly number[] = SELECTORS.filter((selector) => {
  if ((selector & LDT_BIT) !== 0) return LDT[(selector >> 3) - 1]?.contents !== 2;
  return selector !== LINUX.code32 && selector !== LINUX.code64;
});

const random = new Random(0);

/** The state before an instruction that needs more than a random one: an operand that means something. */
class Preparation {
  readonly records: NativeRecords;
  readonly #i: number;
  readonly #start: number;
  readonly #environment: Environment;
  readonly #decoded: DecodedInstruction;

  constructor(records: NativeRecords, i: number, environment: Environment, decoded: DecodedInstruction) {
    this.records = records;
    this.#i = i;
    this.#start = i * RECORD.size;
    this.#environment = environment;
    this.#decoded = decoded;
  }

  get operandBytes(): number {
    return this.#decoded.operandSize / 8;
  }

  get codeSelector(): number {
    return this.#environment.selectors[1] as number;
  }

  /** Instruction pointer of the place that branches go to. */
  get target(): number {
    return this.records.get(this.#i, RECORD.ip) + LANDING;
  }

  /** Low half of a general register. */
  register(number: number): number {
    return this.records.get(this.#i, number * 8);
  }

  setRegister(number: number, value: number, high = 0): void {
    this.records.set(this.#i, number * 8, value);
    this.records.set(this.#i, number * 8 + 4, high);
  }

  /** Writes a little-endian value at a place of the region, if it is mapped there. */
  #write(offset: number, value: number, bytes: number): void {
    const { regionFrom, regionTo } = RECORD;
    if (offset < this.records.get(this.#i, regionFrom) || offset + bytes > this.records.get(this.#i, regionTo)) return;
    const at = this.#start + RECORD.memory + offset;
    for (let n = 0; n < bytes; n++) this.records.u8[at + n] = n < 4 ? value >> (8 * n) : 0;
  }

  #read(offset: number): number {
    const at = this.#start + RECORD.memory + offset;
    return (this.records.u8[at] as number) | ((this.records.u8[at + 1] as number) << 8);
  }

  /** Offset of the memory operand in the region. */
  get #operand(): number {
    const { base, index, scaleShift, displacement, addressSize, segment, length } = this.#decoded;
    const next = this.records.get(this.#i, RECORD.ip) + length;
    const first = base === BASE_RIP ? next : base === NO_REGISTER ? 0 : this.register(base);
    const second = index === NO_REGISTER ? 0 : this.register(index) << scaleShift;
    const sum = (first + second + displacement) | 0;
    const { bits, fsBase, gsBase } = this.#environment;
    const base64 = bits !== 64 ? 0 : segment === FS ? fsBase : segment === GS ? gsBase : 0;
    return this.#inRegion((addressSize === 16 ? sum & LOW_16 : sum) + base64);
  }

  #inRegion(offset: number): number {
    return (this.#environment.base + offset - this.records.get(this.#i, RECORD.region)) | 0;
  }

  get #stack(): number {
    const selector = this.#environment.selectors[2] as number;
    const isSmall = (selector & LDT_BIT) !== 0 && LDT[(selector >> 3) - 1]?.big === 0;
    const pointer = this.register(RSP);
    return this.#inRegion(isSmall ? pointer & LOW_16 : pointer);
  }

  /** Writes the operand in ModRM.rm, or what stands `offset` bytes behind its start in memory. */
  setOperand(value: number, bytes: number, offset = 0): void {
    const { mod, rm } = this.#decoded;
    if (mod !== 3) this.#write(this.#operand + offset, value, bytes);
    else if (bytes === 2) this.setRegister(rm, (this.register(rm) & ~LOW_16) | value);
    else this.setRegister(rm, value);
  }

  push(slot: number, value: number): void {
    this.#write(this.#stack + slot * this.operandBytes, value, this.operandBytes);
  }

  /** Clears the trap flag in the image of the flags that is popped from a slot: it would trap behind the instruction. */
  clearTrapFlag(slot: number): void {
    const at = this.#stack + slot * this.operandBytes;
    const { regionFrom, regionTo } = RECORD;
    if (at < this.records.get(this.#i, regionFrom) || at + 2 > this.records.get(this.#i, regionTo)) return;
    this.#write(at, this.#read(at) & ~TRAP_FLAG, 2);
  }

  /** Selector for a far transfer: mostly of the segment that the code is in. */
  farSelector(): number {
    return random.below(8) === 0 ? random.pick(NO_CODE) : this.codeSelector;
  }

  /** Two components, an image with a header for them, and sometimes one that is refused. */
  writeImage(): void {
    const image = this.#start + RECORD.memory + BORDER_OFFSET;
    floatState(this.records, image, random);
    const header = image + FX_BYTES;
    this.records.i32.fill(0, header >> 2, (header + 64) >> 2);
    this.records.i32[header >> 2] = random.below(4);
    if (random.below(16) === 0) this.records.i32[(header >> 2) + 1 + random.below(5)] = 1 << random.below(31);
    if (random.below(16) === 0) this.records.u8[image + 26] = 1 << random.below(8);
  }
}

type Prepare = (p: Preparation) => void;

/** Never a random one: Linux keeps the number of the processor in a descriptor's limit. */
const selectorOperand: Prepare = (p) => p.setOperand(random.pick(SELECTORS), 2);

const farPointer =
  (selector: () => number): Prepare =>
  (p) =>
    p.setOperand(selector(), 2, p.operandBytes);

const image: Prepare = (p) => {
  p.setRegister(RAX, random.below(4));
  p.setRegister(RDX, 0);
  p.writeImage();
};

const BY_MEANING: Readonly<Record<string, Prepare>> = {
  jmp: (p) => p.setOperand(p.target, p.operandBytes),
  call: (p) => p.setOperand(p.target, p.operandBytes),
  jmpFar: (p) => {
    p.setOperand(p.target, p.operandBytes);
    p.setOperand(p.farSelector(), 2, p.operandBytes);
  },
  callFar: (p) => {
    p.setOperand(p.target, p.operandBytes);
    p.setOperand(p.farSelector(), 2, p.operandBytes);
  },
  ret: (p) => p.push(0, p.target),
  retf: (p) => {
    p.push(0, p.target);
    p.push(1, p.farSelector());
  },
  iret: (p) => {
    p.push(0, p.target);
    p.push(1, p.farSelector());
    p.clearTrapFlag(2);
    p.push(4, random.below(8) === 0 ? random.pick(SELECTORS) : LINUX.data);
  },
  popf: (p) => p.clearTrapFlag(0),
  moveToSegment: selectorOperand,
  lar: selectorOperand,
  lsl: selectorOperand,
  verr: selectorOperand,
  verw: selectorOperand,
  popSegment: (p) => p.push(0, random.pick(SELECTORS)),
  ...Object.fromEntries(
    ["les", "lds", "lss", "lfs", "lgs"].map((name) => [name, farPointer(() => random.pick(SELECTORS))]),
  ),
  ...Object.fromEntries(
    ["xsave", "xsave64", "xsaveopt", "xsaveopt64", "xrstor", "xrstor64", "fxrstor", "fxrstor64"].map((name) => [
      name,
      image,
    ]),
  ),
  xgetbv: (p) => p.setRegister(RCX, random.below(3)),
};

const EITHER_OPERAND = /^[EM]/;
const DIRECT: ReadonlySet<string> = new Set(["jmp", "call", "jmpFar", "callFar"]);

/** Changes a seed's state, after writeState and with the code in place, for what the instruction does with it. */
export function prepare(
  records: NativeRecords,
  i: number,
  seed: number,
  form: InstructionForm,
  decoded: DecodedInstruction,
): void {
  const isBranch = form.flow !== "next" && form.flow !== "interrupt" && form.flow !== "exception";
  if (isBranch) records.set(i, RECORD.landing, LANDING);
  const name = semanticsName(form);
  const change = BY_MEANING[name];
  if (change === undefined || (DIRECT.has(name) && !EITHER_OPERAND.test(form.operands[0] ?? ""))) return;
  random.reseed(seed + 1);
  change(new Preparation(records, i, environmentOf(seed), decoded));
}
