import { createInstructionRows } from "@likex/x86-decoder";
import { type Command, Option } from "commander";
import { collect, createCommand } from "../command.ts";
import { JsonWriter } from "../disassembly/json-writer.ts";
import { type ListingWriter, listRegion } from "../disassembly/list-region.ts";
import type { ListedProgram } from "../disassembly/program.ts";
import { createFormatter, SYNTAXES } from "../disassembly/syntax.ts";
import { TextWriter } from "../disassembly/text-writer.ts";
import { parseHexBytes } from "../input/hex-bytes.ts";
import { parseLimit, parseLinearAddress } from "../input/numbers.ts";
import { OutputBuffer } from "../output-buffer.ts";
import { printable } from "../printable.ts";
import { chooseColors, type Terminal } from "../terminal.ts";
import { type DisasmFlags, listedProgram } from "./disasm-input.ts";

const EXAMPLES = [
  ["likex disasm /bin/true", "the code of an ELF file, with the names of its functions"],
  ["likex disasm a.out --symbol main --syntax att", "one function, in AT&T syntax"],
  ["likex disasm vmlinux --start 0xffffffff81000000 -n 20", "20 instructions from an address on"],
  ["likex disasm libc.so.6 --section .plt", "one section"],
  ["likex disasm boot.bin --base 0x7c00", "a 16-bit flat binary, at its address"],
  ['likex disasm --hex "48 8b 44 8b 10 c3"', "bytes, as 64-bit code"],
  ["cat a.bin | likex disasm - --bits 32 --json", "from standard input, one JSON object a line"],
  ["likex disasm", "the built-in program of likex run"],
] as const;

/** A line a paragraph: the help wraps them. */
const EXPLANATION = [
  "Lists the instructions of an ELF file, a flat binary, or bytes.",
  "",
  "An ELF file is listed by its executable sections (or segments, where it has no sections), any other file from its first byte to its last. --section, --symbol, --start and --stop narrow that down. Bytes that begin no instruction are listed as (bad). Numbers are decimal, or 0x, 0o, 0b.",
  "",
  "With --json each line is an object: address, bytes, text, and where they exist mnemonic, operands (in Intel order), flow (next, jump, conditional, call, return, ...), symbol (where the instruction is), target and targetSymbol (where it branches to), relocations (what the linker will put there).",
].join("\n");

/** Rows of one call of the decoder. */
const ROWS = 4096;

/** `likex disasm [FILE]`. */
export function disasmCommand(terminal: Terminal): Command {
  const address = (what: string) => (text: string) => parseLinearAddress(what, text);
  return createCommand("disasm", EXAMPLES)
    .summary("list the instructions of a program")
    .description(EXPLANATION)
    .argument("[FILE]", '"-" for standard input; without it or --hex the built-in program')
    .addOption(new Option("-f, --format <format>", "what the file is").choices(["auto", "elf", "flat"]).default("auto"))
    .addOption(
      new Option(
        "-b, --bits <mode>",
        "processor mode (default: the ELF file's; 64 for --hex, 16 for flat binaries)",
      ).choices(["16", "32", "64"]),
    )
    .addOption(new Option("-s, --syntax <syntax>", "how instructions are written").choices(SYNTAXES).default("intel"))
    .option("-x, --hex <bytes>", "bytes to list instead of a file; repeatable", collect(parseHexBytes))
    .option("--base <address>", "address of the first byte, when not an ELF file (default: 0)", address("base"))
    .option("--section <name>", "section of an ELF file, also one of data; repeatable", collect(String))
    .option("--symbol <name>", "function or other symbol of an ELF file; repeatable", collect(String))
    .option("--start <address>", "address to begin at", address("start"))
    .option("--stop <address>", "address to end before", address("stop"))
    .addOption(
      new Option("-n, --count <count>", "instructions after which to end")
        .argParser((text) => parseLimit("count", text))
        .default(Number.POSITIVE_INFINITY, "none"),
    )
    .option("--json", "print one JSON object a line")
    .addOption(
      new Option("--color <when>", "colours; auto: on a terminal").choices(["auto", "always", "never"]).default("auto"),
    )
    .action((file: string | undefined, flags: DisasmFlags) => {
      const program = listedProgram(file, flags, (message) =>
        terminal.errors.write(`${terminal.errors.colors.red("likex:")} ${message}\n`),
      );
      list(program, file, flags, terminal);
    });
}

function list(program: ListedProgram, file: string | undefined, flags: DisasmFlags, { output }: Terminal): void {
  const { json, count, color, syntax } = flags;
  const buffer = new OutputBuffer(output);
  const formatter = createFormatter(syntax);
  const isText = json !== true;
  const writer: ListingWriter = isText
    ? new TextWriter(program, formatter, chooseColors(color, output), buffer.write)
    : new JsonWriter(formatter, buffer.write);
  if (isText && program.format !== undefined) {
    buffer.write(`${printable(file ?? "")}:     file format ${program.format}\n`);
  }
  const rows = createInstructionRows(ROWS);
  let left = count;
  for (const region of program.regions) {
    if (left === 0) break;
    left -= listRegion(region, program.bits, rows, left, writer);
  }
  buffer.flush();
}
