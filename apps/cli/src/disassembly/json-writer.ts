import { FORMS, type InstructionRows } from "@likex/x86-decoder";
import type { InstructionFormatter } from "@likex/x86-decoder/intel";
import type { ListingWriter } from "./list-region.ts";
import { createOperandReader } from "./plain-operands.ts";
import type { CodeRegion } from "./program.ts";
import { branchTarget, relocationsOf } from "./references.ts";
import { nearestText } from "./symbol-map.ts";

const twoDigits = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");

/** Writes a listing for programs: one JSON object a line, for each instruction. */
export class JsonWriter implements ListingWriter {
  readonly #formatter: InstructionFormatter;
  readonly #write: (text: string) => void;
  readonly #operands = createOperandReader();
  /** Of the region that is being listed. */
  #relocations: ReadonlyMap<bigint, string> = new Map();

  constructor(formatter: InstructionFormatter, write: (text: string) => void) {
    this.#formatter = formatter;
    this.#write = write;
  }

  region(region: CodeRegion): void {
    this.#relocations = region.relocations();
  }

  label(): void {
    // Each line says itself where it is.
  }

  instruction(region: CodeRegion, rows: InstructionRows, i: number): void {
    const { address: base, bytes, symbols } = region;
    const offset = rows.offset[i]!;
    const address = BigInt.asUintN(64, base + BigInt(offset));
    const name = (of: bigint): string | undefined => {
      const nearest = symbols.find(of);
      return nearest && nearestText(nearest);
    };
    const relocations = relocationsOf(this.#relocations, base, rows, i);
    const target = branchTarget(rows, i, base);
    // Properties without a value are left out.
    const line = {
      address: hex(address),
      symbol: name(address),
      bytes: twoDigits(bytes.subarray(offset, offset + rows.length[i]!)),
      ...(rows.form[i] === 0 ? { text: "(bad)" } : this.#instruction(rows, i, base)),
      ...(target === undefined ? {} : { target: hex(target), targetSymbol: name(target) }),
      ...(relocations.length === 0 ? {} : { relocations }),
    };
    this.#write(`${JSON.stringify(line)}\n`);
  }

  #instruction(rows: InstructionRows, i: number, base: bigint): object {
    const tokens = this.#formatter.tokens(rows, i, base);
    return {
      mnemonic: tokens.find(({ kind }) => kind === "mnemonic")?.text,
      text: tokens.map(({ text }) => text).join(""),
      operands: this.#operands(rows, i, base),
      flow: FORMS[rows.form[i]!]!.flow,
    };
  }
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;
