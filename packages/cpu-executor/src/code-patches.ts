import { type HostMemory, PAGE_SIZE } from "@likex/host-memory";
import { createDecodedInstruction, type DecodedInstruction, decodeInto } from "@likex/x86-decoder";
import type { CodeCache } from "./code-cache.ts";
import { FIELD_BYTES, frameOf, type PatchedField, type PatchedFields } from "./patched-fields.ts";
import { type InstructionSelector, type Selection, writeRecord } from "./predecode.ts";
import { BLOCK, RECORD } from "./record.ts";

/**
 * Writes of a processor to fields of instructions that it patches again and again: what it has decoded follows, and compiled code
 * loads the fields, so that nothing has to be dropped.
 */
export class CodePatches {
  readonly #memory: HostMemory;
  readonly #code: CodeCache;
  readonly #selector: InstructionSelector;
  readonly #fields: PatchedFields;
  readonly #decoded: DecodedInstruction = createDecodedInstruction();

  constructor(memory: HostMemory, code: CodeCache, selector: InstructionSelector, fields: PatchedFields) {
    this.#memory = memory;
    this.#code = code;
    this.#selector = selector;
    this.#fields = fields;
  }

  /**
   * Writes a field at a host address in a watched frame. False, and nothing is written, where it is none that has been patched
   * before; next time it may be one: the caller drops what was decoded from the frame.
   */
  write(at: number, value: number): boolean {
    return this.#code.followed(frameOf(at), (decoded) => this.#write(at, value, decoded));
  }

  /** `decoded`: the blocks of the frame. */
  #write(at: number, value: number, decoded: readonly number[]): boolean {
    const { i32, view } = this.#memory;
    const blocks = decoded.filter((block) => {
      const start = i32[(block + BLOCK.host) >> 2] as number;
      return start < at + FIELD_BYTES && at < start + bytesOf(i32, block);
    });
    const field = this.#fields.find(at, this.#selector);
    const records = blocks.map((block) => this.#recordAt(block, at));
    if (field === undefined || !blocks.every((block, i) => this.#isOf(field, block, records[i]))) {
      this.#learn(at, blocks, records);
      return false;
    }
    this.#memory.notePatch(frameOf(at));
    view.setInt32(at, value, true);
    this.#fields.written(field);
    for (const [i, block] of blocks.entries()) this.#rewrite(block, records[i] as Place);
    return true;
  }

  #isOf({ start, bits }: PatchedField, block: number, place: Place | undefined): boolean {
    return place?.start === start && this.#memory.u8[block + BLOCK.bits] === bits;
  }

  #learn(at: number, blocks: readonly number[], places: readonly (Place | undefined)[]): void {
    const [block] = blocks;
    const [place] = places;
    if (block === undefined || place === undefined) return;
    const bits = this.#memory.u8[block + BLOCK.bits] as number;
    this.#fields.add({ at, start: place.start, bits }, this.#selector);
  }

  /** The record of a block whose instruction has a host address. */
  #recordAt(block: number, at: number): Place | undefined {
    const { i32, u8 } = this.#memory;
    let start = i32[(block + BLOCK.host) >> 2] as number;
    const end = start + bytesOf(i32, block);
    for (let record = block + BLOCK.size; start < end; record += RECORD.size) {
      const length = u8[record + RECORD.length] as number;
      if (at < start + length) return { record, start };
      start += length;
    }
    return undefined;
  }

  /** Decodes the record's instruction anew, also for the copy that a compiled block has. What carries it out stays. */
  #rewrite(block: number, { record, start }: Place): void {
    const { i32, u8, u16 } = this.#memory;
    const d = this.#decoded;
    const bits = u8[block + BLOCK.bits] as 16 | 32 | 64;
    decodeInto(u8, start, frameOf(start) + PAGE_SIZE, bits, d);
    const selection = this.#selector.select(d) as Selection;
    const next = (i32[(block + BLOCK.rip) >> 2] as number) >>> 0;
    const low = next + start - (i32[(block + BLOCK.host) >> 2] as number) + d.length;
    const high = (i32[(block + BLOCK.rip + 4) >> 2] as number) + (low > 0xffffffff ? 1 : 0);
    const original = i32[(block + BLOCK.original) >> 2] as number;
    for (const of of original === 0 ? [block] : [block, original]) {
      const at = of + record - block;
      const handler = u16[(at + RECORD.handler) >> 1] as number;
      const index = u8[at + RECORD.index] as number;
      writeRecord(this.#memory, at, d, selection, index, bits, low | 0, high);
      u16[(at + RECORD.handler) >> 1] = handler;
    }
  }
}

interface Place {
  readonly record: number;
  /** Host address of the instruction. */
  readonly start: number;
}

/** Of the block's code. */
const bytesOf = (i32: Int32Array, block: number): number =>
  ((i32[(block + BLOCK.end) >> 2] as number) - (i32[(block + BLOCK.rip) >> 2] as number)) | 0;
