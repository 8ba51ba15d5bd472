import type { InstructionRows } from "@likex/x86-decoder";
import type { InstructionFormatter, TokenKind } from "@likex/x86-decoder/intel";
import { printable } from "../printable.ts";
import type { Colors } from "../terminal.ts";
import { AddressColumn, byteColumn } from "./hex-columns.ts";
import type { ListingWriter } from "./list-region.ts";
import type { CodeRegion, ListedProgram } from "./program.ts";
import { branchTarget, hasFlatSegment, isRipRelative, memoryAddress, relocationsOf } from "./references.ts";
import { nearestText } from "./symbol-map.ts";

/** Pieces of an instruction that have a colour; the others have none. */
const COLORS: Readonly<Partial<Record<TokenKind, "yellow" | "cyan" | "magenta" | "green" | "blue">>> = {
  prefix: "yellow",
  mnemonic: "yellow",
  register: "cyan",
  number: "magenta",
  symbol: "green",
  decorator: "blue",
};

/** Writes a listing as objdump lays it out: headings, labels, and lines of address, bytes and instruction. */
export class TextWriter implements ListingWriter {
  readonly #program: ListedProgram;
  readonly #formatter: InstructionFormatter;
  readonly #colors: Colors;
  readonly #write: (text: string) => void;
  /** Of the region that is being listed. */
  #addresses = new AddressColumn(0n);
  #relocations: ReadonlyMap<bigint, string> = new Map();

  constructor(program: ListedProgram, formatter: InstructionFormatter, colors: Colors, write: (text: string) => void) {
    this.#program = program;
    this.#formatter = formatter;
    this.#colors = colors;
    this.#write = write;
  }

  region(region: CodeRegion): void {
    this.#addresses = new AddressColumn(region.address);
    this.#relocations = region.relocations();
    if (region.title !== undefined) this.#write(`\nDisassembly of ${region.title}:\n`);
  }

  label({ symbols }: CodeRegion, address: bigint): void {
    const nearest = symbols.find(address);
    if (nearest === undefined) return;
    const digits = address.toString(16).padStart(this.#program.addressDigits, "0");
    this.#write(`\n${digits} ${this.#colors.green(`<${nearestText(nearest)}>`)}:\n`);
  }

  instruction(region: CodeRegion, rows: InstructionRows, i: number): void {
    const { dim } = this.#colors;
    const offset = rows.offset[i]!;
    const start = `${this.#addresses.text(offset)}:`;
    const bytes = byteColumn(region.bytes, offset, rows.length[i]!);
    const text = rows.form[i] === 0 ? "(bad)" : this.#text(region, rows, i);
    this.#write(`${dim(start)}\t${dim(bytes)}\t${text}\n`);
  }

  #text(region: CodeRegion, rows: InstructionRows, i: number): string {
    const { isColorSupported } = this.#colors;
    const text = isColorSupported
      ? this.#painted(rows, i, region.address)
      : this.#formatter.format(rows, i, region.address);
    return text + this.#reference(region, rows, i);
  }

  #painted(rows: InstructionRows, i: number, base: bigint): string {
    return this.#formatter
      .tokens(rows, i, base)
      .map(({ kind, text }) => {
        const color = COLORS[kind];
        return color === undefined ? text : this.#colors[color](text);
      })
      .join("");
  }

  /** The name of a branch target or of a memory operand's address, which the instruction's text shows as a number. */
  #reference(region: CodeRegion, rows: InstructionRows, i: number): string {
    const { address: base, symbols } = region;
    const { green } = this.#colors;
    const relocations = relocationsOf(this.#relocations, base, rows, i);
    if (relocations.length > 0) return `  # ${green(relocations.map(printable).join(", "))}`;
    const target = branchTarget(rows, i, base);
    if (target !== undefined) {
      const nearest = symbols.find(target);
      return nearest === undefined ? "" : ` ${green(`<${nearestText(nearest)}>`)}`;
    }
    const address = memoryAddress(rows, i, base);
    // Absolute addresses mean nothing before the linker has been at work, nor in a segment with a base.
    if (address === undefined || !(isRipRelative(rows, i) || (this.#program.isLinked && hasFlatSegment(rows, i)))) {
      return "";
    }
    const slot = this.#program.slots.get(address);
    const nearest = slot === undefined ? symbols.find(address) : undefined;
    const name = slot === undefined ? nearest && nearestText(nearest) : printable(slot);
    return name === undefined ? "" : `  # ${green(`<${name}>`)}`;
  }
}
