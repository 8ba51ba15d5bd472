import type { HostMemory } from "@likex/host-memory";
import type { InstructionFormatter } from "@likex/x86-decoder/intel";
import { InvalidCpuOptionError } from "../errors.ts";
import type { UncompiledForm } from "./interpreted-forms.ts";
import { Jit, type JitParts } from "./jit.ts";
import { instructionsIn } from "./region.ts";
import { type CompiledRegion, type JitStatistics, RegionStore } from "./region-store.ts";

export type { UncompiledForm } from "./interpreted-forms.ts";
export type { Jit, JitParts } from "./jit.ts";
export type { JitStatistics } from "./region-store.ts";

/** What createJit takes where nothing is said. */
export const JIT_DEFAULTS = {
  threshold: 4000,
  delay: 12_000_000,
  batch: 16,
  shortest: 8,
  mostRegions: 4096,
  mostBytes: 67_108_864,
  compilation: "now",
} as const;

export interface JitOptions {
  /** Entries of a block after which it is compiled, 1 or more. Default 4000. */
  readonly threshold?: number;
  /**
   * Instructions of a processor before which nothing is compiled in an arena that has no compiled code yet: the compiler's own
   * warming up does not pay for itself in a short program. Default 12 million, 0 for none.
   */
  readonly delay?: number;
  /** Blocks that wait until they are compiled together, at the latest at the end of a slice of the budget. Default 16. */
  readonly batch?: number;
  /** Instructions on the longest way from one that is left to the interpreter to the next, below which there is no region. Default 8. */
  readonly shortest?: number;
  /**
   * "now" (the default) stops the guest while its code is compiled, for what is less than a millisecond a region. "background" has
   * the engine compile on a thread of its own while the guest is interpreted, and suits an embedding program that
   * returns to its event loop often, as a page in a browser must: results come from there. One that does not return for
   * a few million instructions has the code compiled as with "now".
   */
  readonly compilation?: "now" | "background";
  /** Compiled regions of an arena at most; then all are dropped, and hot code is compiled anew. Default 4096. */
  readonly mostRegions?: number;
  /** The same for bytes of WebAssembly. Default 64 MiB. */
  readonly mostBytes?: number;
}

const MOST = 0x3fff_ffff;

/** A compiled region, as a report shows it. */
export interface RegionReport {
  /** Instruction pointer of its first entry. */
  readonly rip: bigint;
  readonly bits: 32 | 64;
  readonly blocks: number;
  /** Guest instructions in it, and those executed in it so far. */
  readonly instructions: number;
  readonly executed: number;
  readonly entries: number;
  readonly pages: number;
}

/** Compiles hot code for the processors that it is given to (CpuOptions.jit); those of one arena share what is compiled. */
export class RegionCompiler {
  readonly #options: Required<JitOptions>;
  readonly #stores = new WeakMap<HostMemory, RegionStore>();
  readonly #reported = new WeakMap<RegionReport, CompiledRegion>();

  /** Throws InvalidCpuOptionError for an option below its range. */
  constructor(options: JitOptions) {
    this.#options = { ...JIT_DEFAULTS, ...options };
    const { compilation, delay, ...numbers } = this.#options;
    if (compilation !== "now" && compilation !== "background")
      throw new InvalidCpuOptionError(`compilation is ${compilation}; give "now" or "background", or leave it out`);
    if (!(delay >= 0)) throw new InvalidCpuOptionError(`delay is ${delay}; give 0 or more, or leave it out`);
    for (const [name, value] of Object.entries(numbers))
      if (!(Number.isInteger(value) && value >= 1 && value <= MOST))
        throw new InvalidCpuOptionError(`${name} is ${value}; give an integer from 1 to ${MOST}, or leave it out`);
  }

  /** Runs the regions of an arena: what its interpreters import. */
  runnerOf(memory: HostMemory): (context: number, block: number) => number {
    return this.#storeOf(memory).run;
  }

  /** The part of a processor. */
  connect(parts: JitParts): Jit {
    return new Jit(parts, this.#storeOf(parts.memory), this.#options);
  }

  /** What has been compiled for an arena, and how many guest instructions were executed in it. */
  statistics(memory: HostMemory): JitStatistics & { readonly executed: number } {
    const store = this.#storeOf(memory);
    return { ...store.statistics, executed: store.executed };
  }

  /** The regions of an arena, those with the most executed instructions first. */
  regions(memory: HostMemory): readonly RegionReport[] {
    const store = this.#storeOf(memory);
    const reports = store.regions.map((compiled) => {
      const report = reportOf(compiled, store.executedIn(compiled));
      this.#reported.set(report, compiled);
      return report;
    });
    return reports.sort((a, b) => b.executed - a.executed);
  }

  /**
   * Instruction forms without a compiled version that the processors of an arena have executed, those that were disposed of
   * included, the most executed first. Counted by the block: an instruction behind one that stops or faults counts with it.
   * MOV from a segment register counts as the MOV between registers with which it shares its handler.
   */
  uncompiled(memory: HostMemory): readonly UncompiledForm[] {
    return this.#storeOf(memory).uncompiled;
  }

  /**
   * A region as text, for debugging: each guest instruction above the WebAssembly that was written for it. `report` is an object
   * that regions() gave for the same arena; undefined when the region has been dropped since.
   */
  async dump(memory: HostMemory, report: RegionReport, formatter?: InstructionFormatter): Promise<string | undefined> {
    const store = this.#storeOf(memory);
    const compiled = this.#reported.get(report);
    if (compiled === undefined || !store.regions.includes(compiled)) return undefined;
    // Nobody else needs the formatter and the disassembler.
    const { regionText } = await import("./dump.ts");
    return regionText(store, memory, { compiled, report, formatter });
  }

  #storeOf(memory: HostMemory): RegionStore {
    const known = this.#stores.get(memory);
    if (known !== undefined) return known;
    const store = new RegionStore(memory, this.#options);
    this.#stores.set(memory, store);
    return store;
  }
}

function reportOf({ region, entries }: CompiledRegion, executed: number): RegionReport {
  const { rip, bits } = region.page;
  const first = BigInt.asUintN(64, rip + BigInt(entries[0] as number));
  const { blocks, pages } = region;
  return {
    rip: first,
    bits,
    blocks: blocks.size,
    instructions: instructionsIn(region),
    executed,
    entries: entries.length,
    pages: pages.length,
  };
}

/** A compiler of hot code, for CpuOptions.jit. */
export function createJit(options: JitOptions = {}): RegionCompiler {
  return new RegionCompiler(options);
}
