import type * as Iced from "iced-x86";
import { iced } from "../../scripts/iced/iced.ts";
import { createAttFormatter } from "../../src/format/att.ts";
import type { InstructionFormatter } from "../../src/format/formatter.ts";
import { createIntelFormatter } from "../../src/format/intel.ts";
import { createMasmFormatter } from "../../src/format/masm.ts";
import { createNasmFormatter } from "../../src/format/nasm.ts";
import {
  createInstructionRows,
  createOperandList,
  decodeBatch,
  type InstructionRows,
  OPERAND_KIND,
  readOperands,
} from "../../src/index.ts";
import type { Workload } from "./measure.ts";

const ROWS = 4096;
const FORMATTED_BYTES = 200_000;
const BASE = 0x7fff_0000_0000n;

const FORMATTERS = [
  ["format-intel", createIntelFormatter, "Intel"],
  ["format-masm", createMasmFormatter, "Masm"],
  ["format-nasm", createNasmFormatter, "Nasm"],
  ["format-att", createAttFormatter, "Gas"],
] as const;

/** Batch decoding, with operands, and with text, of one program's code in 64-bit mode. */
export function workloads(bytes: Uint8Array): Workload[] {
  const rows = createInstructionRows(ROWS);
  // So few rows that the short path is not used.
  const few = createInstructionRows(16);
  const instruction = new iced.Instruction();
  return [
    {
      name: "batch",
      instructions: decodeAll(bytes, rows),
      ours: () => decodeAll(bytes, rows),
      theirs: () => icedLengths(bytes, instruction),
    },
    {
      name: "batch-long-path",
      instructions: decodeAll(bytes, rows),
      ours: () => decodeAll(bytes, few),
      theirs: () => icedLengths(bytes, instruction),
    },
    {
      name: "operands",
      instructions: decodeAll(bytes, rows),
      ours: () => readAllOperands(bytes, rows),
      theirs: () => icedOperands(bytes, instruction),
    },
    ...FORMATTERS.map(([name, create, syntax]): Workload => {
      // Text is slow and its time even: a part of the code is enough.
      const part = bytes.subarray(0, FORMATTED_BYTES);
      const [ours, theirs] = [create(), new iced.Formatter(iced.FormatterSyntax[syntax])];
      return {
        name,
        instructions: decodeAll(part, rows),
        ours: () => formatAll(part, rows, ours),
        theirs: () => icedTexts(part, instruction, theirs),
      };
    }),
  ];
}

// Each loop is a function of its own, so that it is compiled for what it does; what they read they add up and return, so
// that nothing can be left out.

function decodeAll(bytes: Uint8Array, rows: InstructionRows): number {
  let total = 0;
  for (let at = 0; ; at = rows.next) {
    const count = decodeBatch(bytes, at, bytes.length, 64, rows);
    total += count;
    if (count < rows.capacity) return total;
  }
}

function icedLengths(bytes: Uint8Array, instruction: Iced.Instruction): number {
  const decoder = new iced.Decoder(64, bytes, iced.DecoderOptions.None);
  let at = 0;
  // Its end is known from the lengths: decoder.canDecode would be one more call.
  while (at < bytes.length) {
    decoder.decodeOut(instruction);
    at += instruction.length;
  }
  decoder.free();
  return at;
}

function readAllOperands(bytes: Uint8Array, rows: InstructionRows): number {
  const list = createOperandList();
  let sum = 0;
  for (let at = 0; ; at = rows.next) {
    const count = decodeBatch(bytes, at, bytes.length, 64, rows);
    for (let i = 0; i < count; i++) {
      readOperands(rows, i, list);
      sum += rows.form[i]! + rows.length[i]!;
      for (let n = 0; n < list.count; n++) {
        const kind = list.kind[n]!;
        if (kind === OPERAND_KIND.register) sum += list.register[n]!;
        else if (kind === OPERAND_KIND.memory) {
          sum +=
            list.register[n]! + list.index[n]! + (rows.registers[i]! >>> 29) + rows.displacement[i]! + list.size[n]!;
        }
      }
    }
    if (count < ROWS) return sum;
  }
}

function icedOperands(bytes: Uint8Array, i: Iced.Instruction): number {
  const { Register, Memory } = iced.OpKind;
  const decoder = new iced.Decoder(64, bytes, iced.DecoderOptions.None);
  let sum = 0;
  let at = 0;
  while (at < bytes.length) {
    decoder.decodeOut(i);
    at += i.length;
    sum += i.code;
    const count = i.opCount;
    for (let n = 0; n < count; n++) {
      const kind = i.opKind(n);
      if (kind === Register) sum += i.opRegister(n);
      else if (kind === Memory) {
        sum += i.memoryBase + i.memoryIndex + i.memoryIndexScale + i.memoryDisplSize + i.memorySize;
      }
    }
  }
  decoder.free();
  return sum;
}

// JavaScript engines put off making a text one piece of memory until it is read, so a character of each is read.

function formatAll(bytes: Uint8Array, rows: InstructionRows, formatter: InstructionFormatter): number {
  let sum = 0;
  for (let at = 0; ; at = rows.next) {
    const count = decodeBatch(bytes, at, bytes.length, 64, rows);
    for (let i = 0; i < count; i++) sum += formatter.format(rows, i, BASE).charCodeAt(0);
    if (count < ROWS) return sum;
  }
}

function icedTexts(bytes: Uint8Array, instruction: Iced.Instruction, formatter: Iced.Formatter): number {
  const decoder = new iced.Decoder(64, bytes, iced.DecoderOptions.None);
  decoder.ip = BASE;
  let sum = 0;
  let at = 0;
  while (at < bytes.length) {
    decoder.decodeOut(instruction);
    at += instruction.length;
    sum += formatter.format(instruction).charCodeAt(0);
  }
  decoder.free();
  return sum;
}
