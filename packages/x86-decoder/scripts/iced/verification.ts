import type * as Iced from "iced-x86";
import { createInstructionRows, decodeBatch, FORMS, type InstructionRows } from "../../src/index.ts";
import { DecodingComparison } from "./compare-decoding.ts";
import { iced } from "./iced.ts";
import type { CodeBlock } from "./sources.ts";

/** Compares one aspect of row `i` with iced-x86's instruction of the same bytes; the text says what is not the same. */
export type Comparison = (
  rows: InstructionRows,
  i: number,
  theirs: Iced.Instruction,
  base: bigint,
) => string | undefined;

/** What a run came to; plain data, so that runs in other threads can be added up. */
export interface VerificationResult {
  instructions: number;
  /** Kinds of difference, each with its number and the first example. */
  differences: Record<string, { count: number; example: string }>;
  /** Form numbers that both decoders found. */
  forms: number[];
}

const BASES = [0n, 0x40_1000n, 0xffff_ffff_8100_0000n, 0x7fff_fff0n];

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Runs blocks of code through both decoders. */
export class Verification {
  readonly #rows: InstructionRows = createInstructionRows(4096);
  readonly #theirs: Iced.Instruction = new iced.Instruction();
  readonly #decoding = new DecodingComparison();
  readonly #more: ReadonlyMap<string, Comparison>;
  readonly #covered = new Uint8Array(FORMS.length);
  readonly #differences: VerificationResult["differences"] = {};
  #instructions = 0;
  #blocks = 0;

  /** `more` compares further aspects of instructions that are decoded alike, by name. */
  constructor(more: ReadonlyMap<string, Comparison> = new Map()) {
    this.#more = more;
  }

  get instructions(): number {
    return this.#instructions;
  }

  get result(): VerificationResult {
    const forms = [...this.#covered.keys()].filter((id) => this.#covered[id] === 1);
    return { instructions: this.#instructions, differences: this.#differences, forms };
  }

  /** Compares the instructions of a block; returns the offset behind the last one. */
  run(block: CodeBlock): number {
    const { bytes, bits, starts } = block;
    const base = BASES[this.#blocks++ % BASES.length]!;
    const decoder = new iced.Decoder(bits, bytes, iced.DecoderOptions.None);
    let position = 0;
    const compareRow = (i: number): void => {
      const offset = this.#rows.offset[i]!;
      if (offset !== position) decoder.position = offset;
      decoder.ip = base + BigInt(offset);
      decoder.decodeOut(this.#theirs);
      position = offset + this.#theirs.length;
      this.#compare(i, bytes, bits, base);
    };
    let next = 0;
    if (starts === undefined) {
      for (;;) {
        const count = decodeBatch(bytes, next, bytes.length, bits, this.#rows);
        for (let i = 0; i < count; i++) compareRow(i);
        next = this.#rows.next;
        if (count < this.#rows.capacity) break;
      }
    } else {
      const single = this.#rows;
      for (const start of starts) {
        if (decodeBatch(bytes, start, Math.min(bytes.length, start + 20), bits, single) > 0) compareRow(0);
      }
      next = bytes.length;
    }
    decoder.free();
    return next;
  }

  #compare(i: number, bytes: Uint8Array, bits: number, base: bigint): void {
    const rows = this.#rows;
    const form = FORMS[rows.form[i]!]!;
    const theirs = this.#theirs.code === iced.Code.INVALID ? undefined : this.#theirs;
    this.#instructions++;
    const note = (aspect: string, text: string): void => {
      const key = `${aspect}: ${form.mnemonic} [${form.encoding}]`;
      const known = this.#differences[key];
      if (known !== undefined) known.count++;
      else {
        const at = rows.offset[i]!;
        const example = `${bits} bits, ${hex(bytes.subarray(at, at + 15))}: ${text}`;
        this.#differences[key] = { count: 1, example };
      }
    };
    const difference = this.#decoding.difference(rows, i, theirs, base);
    if (difference !== undefined) {
      note(theirs === undefined || form.id !== 0 ? "decoding" : `decoding ${iced.Code[theirs.code]}`, difference);
    } else if (theirs !== undefined) {
      this.#covered[form.id] = 1;
      for (const [aspect, comparison] of this.#more) {
        const text = comparison(rows, i, theirs, base);
        if (text !== undefined) note(aspect, text);
      }
    }
  }
}

/** Adds `more` to `total`. */
export function addResults(total: VerificationResult, more: VerificationResult): VerificationResult {
  const differences = { ...total.differences };
  for (const [key, { count, example }] of Object.entries(more.differences)) {
    differences[key] = { count: (differences[key]?.count ?? 0) + count, example: differences[key]?.example ?? example };
  }
  return {
    instructions: total.instructions + more.instructions,
    differences,
    forms: [...new Set([...total.forms, ...more.forms])],
  };
}
