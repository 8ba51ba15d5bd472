import { BASE_RIP, type DecodedInstruction, FORM_COUNT, formAt, type InstructionForm } from "@likex/x86-decoder";
import { CONTEXT, FPU, SEGMENT_SLOT } from "./context.ts";
import { INSTRUCTION_FACTS } from "./generated/instruction-facts.ts";
import { FACT, hasFact } from "./instruction-facts.ts";
import { fusedKey, isFusable } from "./plan.ts";
import { RECORD } from "./record.ts";
import type { Shape } from "./semantics/builder.ts";
import { type OperandSize, type Repeat, semanticsName, shapeKey, shapeOf } from "./shapes.ts";

/** Where a register operand's number comes from. */
const SOURCE = {
  ...{ none: 0, reg: 1, rm: 2, segmentReg: 3, fixedSelector: 4 },
  ...{ vectorReg: 5, vectorRm: 6, mmxReg: 7, mmxRm: 8, stack: 9, vvvv: 10 },
} as const;

/** Register operands that are not general ones, by the first letter of their code; W and Q are when ModRM names no memory. */
const VECTOR_SOURCE: Readonly<Record<string, number>> = {
  ...{ V: SOURCE.vectorReg, U: SOURCE.vectorRm, W: SOURCE.vectorRm },
  ...{ P: SOURCE.mmxReg, N: SOURCE.mmxRm, Q: SOURCE.mmxRm },
};

/** All that pre-decoding needs to know of one form in one specialisation. */
export interface Selection {
  readonly handler: number;
  readonly key: string;
  readonly shape: Shape;
  /** A handler may carry it out together with the conditional jump behind it. */
  readonly isFusable: boolean;
  readonly endsBlock: boolean;
  readonly branches: boolean;
  readonly repeats: boolean;
  readonly usesMemory: boolean;
  readonly wideImmediate: boolean;
  /** For the two register fields: source, bytes of the operand, number of a fixed selector. */
  readonly registers: readonly { readonly source: number; readonly bytes: number; readonly fixed: number }[];
  readonly popsToMemory: boolean;
  readonly isX87: boolean;
  /** Low three bits of an x87 instruction's first opcode byte. */
  readonly x87Opcode: number;
  /** Segment register that a far pointer is loaded into, or -1. */
  readonly farPointerSegment: number;
  /** Selector that an instruction without operand slots names (POP ES), or -1: then ModRM.reg tells. */
  readonly fixedSelector: number;
}

const FAR_POINTER_SEGMENT: Readonly<Record<string, number>> = { les: 0, lss: 2, lds: 3, lfs: 4, lgs: 5 };

const SELECTOR_NUMBER: Readonly<Record<string, number>> = { ES: 0, CS: 1, SS: 2, DS: 3, FS: 4, GS: 5 };

function registerSources(form: InstructionForm, shape: Shape, memory: boolean): Selection["registers"] {
  const sources: { source: number; bytes: number; fixed: number }[] = [];
  if (shape.operands.length === 0) return sources;
  const widths = shape.operands.filter((o) => "slot" in o).map((o) => o.bits / 8);
  for (const code of form.operands) {
    const bytes = widths[sources.length] ?? 0;
    const fixed = SELECTOR_NUMBER[code];
    const vector = /^[VUWPNQ][a-z]/.test(code) ? VECTOR_SOURCE[code[0] as string] : undefined;
    if (code === "ST" || /^Z(q|dq)I$/.test(code)) continue;
    if (code === "STi") sources.push({ source: SOURCE.stack, bytes, fixed: 0 });
    else if (vector !== undefined) {
      if (!(memory && /^[WQ]/.test(code))) sources.push({ source: vector, bytes, fixed: 0 });
    } else if (fixed !== undefined) sources.push({ source: SOURCE.fixedSelector, bytes: 2, fixed });
    else if (code.startsWith("S")) sources.push({ source: SOURCE.segmentReg, bytes: 2, fixed: 0 });
    else if (code.startsWith("G")) sources.push({ source: SOURCE.reg, bytes, fixed: 0 });
    else if (code.startsWith("B")) sources.push({ source: SOURCE.vvvv, bytes, fixed: 0 });
    else if (/^R[vy]\/M/.test(code)) {
      if (!memory) sources.push({ source: SOURCE.rm, bytes, fixed: 0 });
    } else if (/^[RZ][a-z]/.test(code) || (code.startsWith("E") && !memory))
      sources.push({ source: SOURCE.rm, bytes, fixed: 0 });
  }
  return sources;
}

/** Searches before a map is made. */
const FEW = 48;
const REPEAT_NAMES: readonly Repeat[] = ["none", "rep", "repne"];

/** Chooses the handler of each instruction; what it has looked up once it finds by number. */
export class InstructionSelector {
  #handlers: ReadonlyMap<string, number> | undefined;
  #searches = 0;
  readonly #keys: readonly string[];
  /** By form; then by operand size, ModRM kind and repeat prefix. */
  readonly #selections: ((Selection | null | undefined)[] | undefined)[] = new Array(FORM_COUNT);

  readonly #loadExtension: () => void;
  readonly #fused = new Map<Selection, Map<Selection, number | undefined>>();
  /** The handler of an instruction that raises #UD. */
  readonly undefinedInstruction: number;
  /** The handler that goes on behind a block. */
  readonly continuation: number;

  /** `loadExtension` is called before a handler of the second module is first named. */
  constructor(keys: readonly string[], loadExtension: () => void) {
    this.#loadExtension = loadExtension;
    this.#keys = keys;
    this.undefinedInstruction = this.handlerOf("ud2 32") as number;
    this.continuation = this.handlerOf("continue 32") as number;
  }

  /** The key of the handler that a record names. */
  keyOf(record: number, memory: RecordPlace): string {
    return this.#keys[memory.u16[(record + RECORD.handler) >> 1] as number] as string;
  }

  /** Programs of a few instructions search for theirs: a map of all keys takes as long as some dozen searches. */
  handlerOf(key: string): number | undefined {
    if (this.#handlers === undefined && this.#searches < FEW) {
      this.#searches++;
      const number = this.#keys.indexOf(key);
      return number < 0 ? undefined : number;
    }
    this.#handlers ??= new Map(this.#keys.map((name, number) => [name, number]));
    return this.#handlers.get(key);
  }

  /** All that it has chosen so far. */
  *selections(): IterableIterator<Selection> {
    for (const ofForm of this.#selections)
      for (const selection of ofForm ?? []) if (selection !== undefined && selection !== null) yield selection;
  }

  /** undefined: the processor does not know the instruction. */
  select(d: DecodedInstruction): Selection | undefined {
    const memory = d.mod !== 3;
    const repeat = (d.prefixes & 2) !== 0 ? 1 : (d.prefixes & 4) !== 0 ? 2 : 0;
    const size = d.operandSize === 64 ? 2 : d.operandSize === 32 ? 1 : 0;
    const at = (size * 2 + (memory ? 1 : 0)) * 3 + repeat;
    const known = this.#selections[d.form]?.[at];
    if (known !== undefined) return known ?? undefined;
    const found = this.#find(formAt(d.form), d.operandSize as OperandSize, memory, REPEAT_NAMES[repeat] as Repeat);
    const ofForm = this.#selections[d.form] ?? [];
    ofForm[at] = found ?? null;
    this.#selections[d.form] = ofForm;
    return found;
  }

  /** The handler that executes both, when there is one. */
  fuse(first: Selection, second: Selection): number | undefined {
    if (!first.isFusable) return undefined;
    let known = this.#fused.get(first);
    if (known === undefined) {
      known = new Map();
      this.#fused.set(first, known);
    }
    if (!known.has(second)) known.set(second, this.handlerOf(fusedKey(first.key, second.key)));
    return known.get(second);
  }

  protected handlerFor(shape: Shape): number | undefined {
    return this.handlerOf(shapeKey(shape));
  }

  #find(form: InstructionForm, operandSize: OperandSize, memory: boolean, repeat: Repeat): Selection | undefined {
    const shape = shapeOf(form, operandSize, memory, repeat);
    if (shape === undefined) return undefined;
    const key = shapeKey(shape);
    const handler = this.handlerFor(shape);
    if (handler === undefined) return undefined;
    const name = semanticsName(form);
    const endsBlock = hasFact(INSTRUCTION_FACTS, name, FACT.endsBlock);
    if (hasFact(INSTRUCTION_FACTS, name, FACT.extension)) this.#loadExtension();
    return {
      handler,
      key,
      shape,
      isFusable: isFusable(shape),
      endsBlock: endsBlock || shape.repeat !== "none",
      branches: form.operands.some((code) => code.startsWith("J")),
      repeats: shape.repeat !== "none" && !endsBlock,
      usesMemory: memory && form.operands.some((code) => /^(M$|[EMOWQ][a-z]|R[vy]\/M)/.test(code)),
      wideImmediate: shape.operands.some((o) => o.kind === "immediate" && o.wide),
      registers: registerSources(form, shape, memory),
      fixedSelector: SELECTOR_NUMBER[form.operands[0] ?? ""] ?? -1,
      farPointerSegment: FAR_POINTER_SEGMENT[name] ?? -1,
      isX87: /^D[89A-F] /.test(form.encoding),
      x87Opcode: Number.parseInt(form.encoding.slice(0, 2), 16) & 7,
      popsToMemory: name === "pop" && shape.operands[0]?.kind === "memory",
    };
  }
}

/** The register of an operand, and whether it is a general register's second byte; undefined for segment registers. */
export function registerNumber(
  { source, bytes }: Selection["registers"][number],
  d: DecodedInstruction,
): { readonly number: number; readonly high: 0 | 1 } | undefined {
  if (source === SOURCE.vvvv) return { number: d.vvvv, high: 0 };
  if (source === SOURCE.vectorReg) return { number: d.reg, high: 0 };
  if (source === SOURCE.vectorRm) return { number: d.rm, high: 0 };
  // MMX registers ignore REX (SDM Vol 2, 2.2.1.2).
  if (source === SOURCE.mmxReg) return { number: d.reg & 7, high: 0 };
  if (source === SOURCE.mmxRm || source === SOURCE.stack) return { number: d.rm & 7, high: 0 };
  if (source !== SOURCE.reg && source !== SOURCE.rm) return undefined;
  const number = source === SOURCE.reg ? d.reg : d.rm;
  return isHighByte(number, bytes, d.prefixes) ? { number: number - 4, high: 1 } : { number, high: 0 };
}

const isHighByte = (number: number, bytes: number, prefixes: number): boolean =>
  bytes === 1 && (prefixes & 32) === 0 && number >= 4 && number < 8;

/** Context offset of a general register operand; byte registers 4..7 without REX are AH, CH, DH and BH. */
function registerOffset(number: number, bytes: number, prefixes: number): number {
  if (isHighByte(number, bytes, prefixes)) return CONTEXT.gpr + (number - 4) * 8 + 1;
  return CONTEXT.gpr + number * 8;
}

const REGISTER_FIELDS = [RECORD.register0, RECORD.register1, RECORD.register2] as const;

/** Context offset of a vector or MMX register; the number of an x87 one. MMX registers ignore REX (SDM Vol 2, 2.2.1.2). */
function vectorOffset(source: number, d: DecodedInstruction): number {
  if (source === SOURCE.stack) return d.rm & 7;
  if (source === SOURCE.vectorReg || source === SOURCE.vectorRm)
    return FPU.vectors + (source === SOURCE.vectorReg ? d.reg : d.rm) * 32;
  return FPU.registers + ((source === SOURCE.mmxReg ? d.reg : d.rm) & 7) * 16;
}

/** In RECORD.register1 of an instruction that is carried out elsewhere: its operand is in memory. */
export const NO_REGISTER = 0xffff;

export interface RecordPlace {
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly i32: Int32Array;
}

/** Segment slots of memory operands in 64-bit mode, where only FS and GS have a base (SDM Vol 1, 3.4.2.1); SS differs in what it raises. */
const LONG_SLOTS: readonly number[] = [
  SEGMENT_SLOT.flat,
  SEGMENT_SLOT.flat,
  SEGMENT_SLOT.stack,
  SEGMENT_SLOT.flat,
  SEGMENT_SLOT.fs64,
  SEGMENT_SLOT.gs64,
];

export function segmentOffset(segment: number, bits: number): number {
  const slot = bits !== 64 ? segment : (LONG_SLOTS[segment] ?? SEGMENT_SLOT.flat);
  return CONTEXT.segments + slot * 16;
}

/**
 * Writes the records of one instruction and returns their size in bytes. `next` is the instruction pointer behind it, as two
 * int32: numbers, because programs that change their code have it decoded again and again.
 */
export type RecordWriter = (
  memory: RecordPlace,
  at: number,
  d: DecodedInstruction,
  selection: Selection,
  index: number,
  bits: number,
  nextLow: number,
  nextHigh: number,
) => number;

/** One record for one instruction. */
export function writeRecord(
  memory: RecordPlace,
  at: number,
  d: DecodedInstruction,
  selection: Selection,
  index: number,
  bits: number,
  nextLow: number,
  nextHigh: number,
): number {
  const { u8, u16, i32 } = memory;
  i32.fill(0, at >> 2, (at + RECORD.size) >> 2);
  u16[(at + RECORD.handler) >> 1] = selection.handler;
  u8[at + RECORD.length] = d.length;
  u8[at + RECORD.index] = index;
  writeRegisters(u16, at, d, selection);
  u8[at + RECORD.addressShift] = 64 - d.addressSize;
  u16[(at + RECORD.segment) >> 1] = segmentOffset(d.segment, bits);
  i32[(at + RECORD.immediate) >> 2] = selection.farPointerSegment < 0 ? d.immediate : selection.farPointerSegment;
  if (d.immediate2 !== 0) i32[(at + RECORD.immediate2) >> 2] = d.immediate2;
  if (selection.usesMemory) {
    const ripRelative = d.base === BASE_RIP;
    u16[(at + RECORD.base) >> 1] = d.base < 0 || ripRelative ? CONTEXT.zero : CONTEXT.gpr + d.base * 8;
    u16[(at + RECORD.indexRegister) >> 1] = d.index < 0 ? CONTEXT.zero : CONTEXT.gpr + d.index * 8;
    u8[at + RECORD.scale] = d.scaleShift;
    const displacement = at + RECORD.displacement;
    if (ripRelative) writeSum(i32, displacement, nextLow, nextHigh, d.displacement);
    // POP computes its address after the stack pointer has moved (SDM Vol 2, POP).
    else if (selection.popsToMemory && d.base === 4)
      writeSum(i32, displacement, d.displacement, d.displacementHigh, selection.shape.bits / 8);
    else writePair(i32, displacement, d.displacement, d.displacementHigh);
  } else if (selection.wideImmediate) {
    writePair(i32, at + RECORD.immediate64, d.immediate, d.immediateHigh);
  }
  if (selection.isX87) {
    u16[(at + RECORD.x87Opcode) >> 1] = (selection.x87Opcode << 8) | (d.mod << 6) | ((d.reg & 7) << 3) | (d.rm & 7);
    i32[(at + RECORD.ripLow) >> 2] = nextLow - d.length;
  }
  if (selection.branches || selection.repeats) {
    i32[(at + RECORD.taken) >> 2] = 0;
    i32[(at + RECORD.notTaken) >> 2] = 0;
    const target = at + RECORD.target;
    writeSum(i32, target, nextLow, nextHigh, selection.repeats ? -d.length : d.immediate);
    if (bits !== 64) i32[(target + 4) >> 2] = 0;
    if (bits !== 64 && d.operandSize === 16 && !selection.repeats)
      i32[target >> 2] = (i32[target >> 2] as number) & 0xffff;
  }
  return RECORD.size;
}

function writeRegisters(u16: Uint16Array, at: number, d: DecodedInstruction, selection: Selection): void {
  const { registers } = selection;
  for (let slot = 0; slot < registers.length; slot++) {
    const { source, bytes, fixed } = registers[slot] as Selection["registers"][number];
    const field = (at + (REGISTER_FIELDS[slot] as number)) >> 1;
    if (source === SOURCE.segmentReg) u16[field] = CONTEXT.segmentRegisters + d.reg * 16;
    else if (source === SOURCE.fixedSelector) u16[field] = CONTEXT.segmentRegisters + fixed * 16;
    else if (source === SOURCE.vvvv) u16[field] = CONTEXT.gpr + d.vvvv * 8;
    else if (source >= SOURCE.vectorReg) u16[field] = vectorOffset(source, d);
    else u16[field] = registerOffset(source === SOURCE.reg ? d.reg : d.rm, bytes, d.prefixes);
  }
  if (selection.shape.operands.length > 0) return;
  // Instructions that are carried out elsewhere: operand size and register numbers instead of context offsets.
  u16[(at + RECORD.register0) >> 1] =
    (d.operandSize << 8) | (selection.fixedSelector >= 0 ? selection.fixedSelector : d.reg);
  u16[(at + RECORD.register1) >> 1] = selection.usesMemory ? NO_REGISTER : d.rm;
}

export function writePair(i32: Int32Array, at: number, low: number, high: number): void {
  i32[at >> 2] = low;
  i32[(at + 4) >> 2] = high;
}

/** Writes a 64-bit value plus an int32. */
export function writeSum(i32: Int32Array, at: number, low: number, high: number, add: number): void {
  const sum = (low >>> 0) + (add >>> 0);
  writePair(i32, at, sum | 0, (high + (add >> 31) + (sum >= TWO_32 ? 1 : 0)) | 0);
}

const TWO_32 = 2 ** 32;
