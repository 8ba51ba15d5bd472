import { type Command, Option } from "commander";
import { BUILTIN_PROGRAM } from "../builtin-program.ts";
import { collect, createCommand } from "../command.ts";
import { type DisassembledLine, disassemble } from "../disassembly/disassemble.ts";
import type { Bits } from "../disassembly/operands.ts";
import { UsageError } from "../errors.ts";
import { EXIT_CODE } from "../exit-codes.ts";
import { parseHexBytes } from "../input/hex-bytes.ts";
import { parseAddress, parseLimit } from "../input/numbers.ts";
import { readProgramFile } from "../input/program-file.ts";
import type { OutputStream, Terminal } from "../terminal.ts";

interface DisasmFlags {
  readonly bits: "16" | "32" | "64";
  readonly bytes?: readonly Uint8Array[];
  readonly loadAddress: number;
  readonly count: number;
  readonly json?: boolean;
}

const EXAMPLES = [
  ["likex disasm", "the built-in program"],
  ["likex disasm boot.bin --load-address 0x7c00", "a 16-bit flat binary, at its address"],
  ["likex disasm --bits 64 --bytes '48 8b 05 10 00 00 00'", "bytes, as 64-bit code"],
  ["likex disasm kernel.bin --bits 32 --count 20 --json", "one JSON object a line, the first 20 instructions"],
] as const;

const LARGEST_FILE = 64 << 20;
/** Lines of one write. */
const BATCH = 1000;
/** Most instructions have no more bytes. */
const USUAL_BYTES = 8;

const twoDigits = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");

/** `likex disasm [FILE]`. */
export function disasmCommand({ output }: Terminal): Command {
  return createCommand("disasm", EXAMPLES)
    .summary("list the instructions of a program")
    .description("Lists the instructions of a flat binary in Intel syntax. A byte that begins none is listed as db.")
    .argument("[FILE]", 'flat binary, "-" for standard input; without it or --bytes the built-in program')
    .addOption(new Option("-b, --bits <mode>", "processor mode").choices(["16", "32", "64"]).default("16"))
    .option("--bytes <hex>", "bytes to list instead of a file; repeatable", collect(parseHexBytes))
    .option(
      "-l, --load-address <address>",
      "address of the first byte",
      (text) => parseAddress("load address", text),
      0,
    )
    .option(
      "-n, --count <count>",
      "instructions after which to end (default: none)",
      (text) => parseLimit("count", text),
      Number.POSITIVE_INFINITY,
    )
    .option("--json", "print one JSON object a line")
    .action((file: string | undefined, flags: DisasmFlags) => {
      const { bits, loadAddress, count, json } = flags;
      const lines = disassemble(bytesOf(file, flags), Number(bits) as Bits, BigInt(loadAddress));
      write(output, lines, count, json === true ? jsonLine : textLine(output));
    });
}

function bytesOf(file: string | undefined, { bytes }: DisasmFlags): Uint8Array {
  if (bytes !== undefined) {
    if (file !== undefined) throw new UsageError("Both a file and --bytes are given. Give one of them.");
    return Uint8Array.from(bytes.flatMap((part) => [...part]));
  }
  if (file === undefined) return BUILTIN_PROGRAM.bytes;
  return readProgramFile(file, LARGEST_FILE, { message: "the 64 MiB that can be listed.", exitCode: EXIT_CODE.file });
}

function write(
  output: OutputStream,
  lines: Iterable<DisassembledLine>,
  count: number,
  render: (line: DisassembledLine) => string,
): void {
  let batch: string[] = [];
  let written = 0;
  for (const line of lines) {
    batch.push(render(line));
    written += 1;
    if (batch.length === BATCH) {
      output.write(batch.join(""));
      batch = [];
    }
    if (written >= count) break;
  }
  output.write(batch.join(""));
}

function textLine({ colors }: OutputStream): (line: DisassembledLine) => string {
  return ({ address, bytes, text }) =>
    `${colors.dim(address.toString(16).padStart(8, "0"))}  ${twoDigits(bytes).padEnd(3 * USUAL_BYTES)} ${text}\n`;
}

function jsonLine({ address, bytes, text }: DisassembledLine): string {
  return `${JSON.stringify({ address: `0x${address.toString(16)}`, bytes: twoDigits(bytes), text })}\n`;
}
