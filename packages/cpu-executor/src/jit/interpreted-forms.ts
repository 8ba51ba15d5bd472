import type { HostMemory } from "@likex/host-memory";
import { createDecodedInstruction } from "@likex/x86-decoder";
import type { CodeCache } from "../code-cache.ts";
import type { InstructionSelector, Selection } from "../predecode.ts";
import { BLOCK, RECORD } from "../record.ts";
import { describe, endingOf } from "./instruction.ts";

/** An instruction form that regions do not have: its handler's key, and how often the interpreter has executed it. */
export interface UncompiledForm {
  readonly form: string;
  readonly executed: number;
}

/**
 * How often one processor's interpreter has executed each form. It counts nothing for this: each block's entries are in its
 * header anyway, and are taken from there when somebody asks, and before the blocks are dropped. So what stands behind an
 * instruction that stops or faults counts as executed with the block, and a block for which the budget is not
 * enough as well; instructions that are run one at a time (TF, breakpoints, the last ones of a budget) do not count.
 */
export class InterpretedForms {
  readonly #memory: HostMemory;
  readonly #selector: InstructionSelector;
  readonly #code: CodeCache;
  /** By the key of a record's handler, so with the pairs of fused ones. */
  readonly #executed = new Map<string, number>();

  constructor(memory: HostMemory, selector: InstructionSelector, code: CodeCache) {
    this.#memory = memory;
    this.#selector = selector;
    this.#code = code;
  }

  /** A block's heat has come to 0: one entry more than executed it, or all of 2^32 where it was 0 before. */
  noteHot(block: number): void {
    const first = this.#memory.i32[(block + BLOCK.first) >> 2] as number;
    this.#memory.i32[(block + BLOCK.first) >> 2] = 0;
    this.#add(block, (first - 1) >>> 0);
  }

  /** Takes the entries of all blocks that have been executed since the last time. */
  collect(): void {
    const { i32 } = this.#memory;
    for (const block of this.#code.blocks()) {
      // A block that runs a region executes nothing itself; its copy has the count.
      if (i32[(block + BLOCK.original) >> 2] !== 0) continue;
      const heat = i32[(block + BLOCK.heat) >> 2] as number;
      const entries = ((i32[(block + BLOCK.first) >> 2] as number) - heat) >>> 0;
      i32[(block + BLOCK.first) >> 2] = heat;
      if (entries > 0) this.#add(block, entries);
    }
  }

  /** Adds the sums of the forms that regions do not have. */
  addUncompiled(sums: Map<string, number>): void {
    this.collect();
    const compiled = new Set<string>();
    for (const selection of this.#selector.selections()) if (isCompiled(selection)) compiled.add(selection.key);
    for (const [key, executed] of this.#executed) {
      // The second of a fused pair has a record of its own.
      const [form = key] = key.split(" + ");
      if (!compiled.has(form)) sums.set(form, (sums.get(form) ?? 0) + executed);
    }
  }

  #add(block: number, entries: number): void {
    const { u16 } = this.#memory;
    const end = block + (u16[(block + BLOCK.bytes) >> 1] as number);
    for (let record = block + BLOCK.size; record < end; record += RECORD.size) {
      if (u16[(record + RECORD.handler) >> 1] === this.#selector.continuation) continue;
      const key = this.#selector.keyOf(record, this.#memory);
      this.#executed.set(key, (this.#executed.get(key) ?? 0) + entries);
    }
  }
}

/** Whether its operands are ones that regions have does not depend on their values. */
const isCompiled = (selection: Selection): boolean =>
  endingOf(selection) !== undefined && describe(createDecodedInstruction(), selection, 0) !== undefined;

/** Most executed first; in a fixed order where there are as many. */
export function sortedForms(sums: ReadonlyMap<string, number>): readonly UncompiledForm[] {
  const forms = Array.from(sums, ([form, executed]) => ({ form, executed })).filter(({ executed }) => executed > 0);
  return forms.sort((a, b) => b.executed - a.executed || (a.form < b.form ? -1 : 1));
}
