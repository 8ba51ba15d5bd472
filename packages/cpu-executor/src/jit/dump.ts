import type { HostMemory } from "@likex/host-memory";
import { disassemble, formatLine, functionsOf, type WasmLine } from "@likex/wasm-emitter/disassembler";
import { createDecodedInstruction, DECODE_STATUS, type DecodedInstruction, decodeInto } from "@likex/x86-decoder";
import { createIntelFormatter, type InstructionFormatter } from "@likex/x86-decoder/intel";
import type { RegionReport } from "./index.ts";
import type { RegionInstruction } from "./instruction.ts";
import type { Region, RegionBlock } from "./region.ts";
import type { CompiledRegion, RegionStore } from "./region-store.ts";
import type { RegionPart, RegionRecorder } from "./write-region.ts";

/** Where the operators of a part begin; again where those of a part within it have ended. */
interface Mark {
  readonly at: number;
  readonly part: RegionPart;
  readonly isContinued: boolean;
}

class Recorder implements RegionRecorder {
  readonly marks: Mark[] = [];
  readonly #open: RegionPart[] = [];

  begin(at: number, part: RegionPart): void {
    this.#open.push(part);
    this.marks.push({ at, part, isContinued: false });
  }

  end(at: number): void {
    this.#open.pop();
    const part = this.#open.at(-1);
    if (part !== undefined) this.marks.push({ at, part, isContinued: true });
  }
}

const PAGE = 4096;
const USUAL_BYTES = 10;
const GUEST_INDENTATION = "  ";
const WASM_INDENTATION = " ".repeat(10);
const BLOCK_LIMITS = { prologue: "takes the state from the context", epilogue: "puts it back" } as const;

/** What is to be shown, and how. */
export interface DumpedRegion {
  readonly compiled: CompiledRegion;
  readonly report: RegionReport;
  readonly formatter: InstructionFormatter | undefined;
}

/**
 * A region as text: each guest instruction above the WebAssembly that was written for it. The region is written again for
 * this, from what it was compiled from, so the text is right whatever has become of the guest's memory.
 */
export function regionText(
  store: RegionStore,
  memory: HostMemory,
  { compiled, report, formatter = createIntelFormatter() }: DumpedRegion,
): string {
  const recorder = new Recorder();
  const { bytes } = store.write([compiled], recorder);
  // Of a module with one region it is the only function that is not imported.
  const text = disassemble(bytes, { functionIndex: functionsOf(bytes).length - 1 });
  const guest = new GuestCode(memory, compiled.region, formatter);
  const locals = text.locals.length === 0 ? "" : ` (local ${text.locals.join(" ")})`;
  const output = [headline(report), `func ${text.type}${locals}`];
  for (const { mark, lines } of inOrder(recorder.marks, text.lines)) {
    if (lines.length === 0 && (mark.isContinued || mark.part.kind === "entry")) continue;
    output.push(heading(mark, guest, compiled));
    output.push(...lines.map((line) => `${WASM_INDENTATION}${formatLine(line)}`));
  }
  return `${output.join("\n")}\n`;
}

/** The parts with their lines, as the function has them: the prologue was written last. */
function inOrder(
  marks: readonly Mark[],
  lines: readonly WasmLine[],
): readonly { readonly mark: Mark; readonly lines: readonly WasmLine[] }[] {
  const prologue = marks.findIndex(({ part }) => part.kind === "prologue");
  const at = (i: number): number => marks[i]?.at ?? lines.length;
  const shift = at(prologue + 1) - at(prologue);
  const parts = marks.map((mark, i) => {
    if (i === prologue) return { mark, lines: lines.slice(0, shift) };
    // What comes behind the prologue's end is the end of the function.
    return { mark, lines: lines.slice(at(i) + (i < prologue ? shift : 0), at(i + 1) + (i < prologue ? shift : 0)) };
  });
  return [...parts.splice(prologue, 1), ...parts];
}

function headline({ rip, bits, executed, blocks, instructions, entries, pages }: RegionReport): string {
  const counted = (count: number, one: string, several = `${one}s`): string =>
    `${count} ${count === 1 ? one : several}`;
  const size = [
    counted(blocks, "block"),
    counted(instructions, "instruction"),
    counted(entries, "entry", "entries"),
    counted(pages, "page"),
  ];
  return `region 0x${rip.toString(16)}: ${bits}-bit code, ${size.join(", ")}; ${executed} instructions executed`;
}

function heading({ part, isContinued }: Mark, guest: GuestCode, { entries }: CompiledRegion): string {
  const again = isContinued ? " (continued)" : "";
  if (part.kind === "instruction") return `${GUEST_INDENTATION}${guest.line(part.instruction, isContinued)}`;
  if (part.kind === "block") return `block ${guest.place(part.block, entries)}${again}`;
  if (part.kind === "entry") return `entry${again}: which block comes first`;
  return `${part.kind}${again}: ${BLOCK_LIMITS[part.kind]}`;
}

/** The guest's side of a region. */
class GuestCode {
  readonly #memory: HostMemory;
  readonly #region: Region;
  readonly #formatter: InstructionFormatter;

  constructor(memory: HostMemory, region: Region, formatter: InstructionFormatter) {
    this.#memory = memory;
    this.#region = region;
    this.#formatter = formatter;
  }

  place({ id, start }: RegionBlock, entries: readonly number[]): string {
    const entry = entries.indexOf(id);
    return `0x${this.#rip(start).toString(16)}${id === start ? "" : ", copied"}${entry < 0 ? "" : `, entry ${entry}`}`;
  }

  line(instruction: RegionInstruction, isContinued: boolean): string {
    const rip = this.#rip(instruction.start);
    const address = `${rip.toString(16).padStart(8)}:`;
    if (isContinued) return `${address} (continued)`;
    const bytes = this.#bytes(instruction);
    const shown = Array.from(bytes ?? [], (byte) => byte.toString(16).padStart(2, "0")).join(" ");
    return `${address} ${shown.padEnd(3 * USUAL_BYTES)} ${this.#text(instruction, bytes, rip)}`;
  }

  /** Where its bytes have changed only what was compiled is known, not how it was written. */
  #text({ decoded, selection }: RegionInstruction, bytes: Uint8Array | undefined, rip: bigint): string {
    const now = createDecodedInstruction();
    const status = bytes && decodeInto(bytes, 0, bytes.length, this.#region.page.bits, now);
    const fields = Object.keys(now) as (keyof DecodedInstruction)[];
    const isSame = status === DECODE_STATUS.ok && fields.every((key) => key === "row" || now[key] === decoded[key]);
    return isSame ? this.#formatter.format(now.row, 0, rip) : `${selection.key}  ; other bytes are there now`;
  }

  #rip(position: number): bigint {
    const { rip, bits } = this.#region.page;
    return BigInt.asUintN(bits, rip + BigInt(position));
  }

  /** What guest memory has in its place now. */
  #bytes({ start, end }: RegionInstruction): Uint8Array | undefined {
    const bytes = new Uint8Array(end - start);
    for (let position = start; position < end; position++) {
      const page = this.#region.pages.find(({ offset }) => offset === (position & ~(PAGE - 1)));
      if (page === undefined) return undefined;
      bytes[position - start] = this.#memory.u8[page.host + position - page.offset] as number;
    }
    return bytes;
  }
}
