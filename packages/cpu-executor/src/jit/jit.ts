import type { HostMemory, HostPhysicalAddress } from "@likex/host-memory";
import { type FunctionReference, ModuleBuilder } from "@likex/wasm-emitter";
import type { CodeCache } from "../code-cache.ts";
import { CODE_MODE, CONTEXT } from "../context.ts";
import { defineFlagFunctions } from "../interpreter/flag-functions.ts";
import type { InstructionSelector } from "../predecode.ts";
import { BLOCK } from "../record.ts";
import { discoverRegion, type Region } from "./region.ts";
import { writeRegion } from "./write-region.ts";

/** What a processor gives its compiler. */
export interface JitParts {
  readonly memory: HostMemory;
  readonly context: number;
  readonly selector: InstructionSelector;
  readonly code: CodeCache;
  /** The interpreter's table, behind whose handlers regions go. */
  readonly table: WebAssembly.Table;
}

export interface JitOptions {
  /** Entries of a block after which it is compiled. Default 500. */
  readonly threshold?: number;
  /** Blocks that wait until they are compiled together, at the latest at the end of a slice of the budget. Default 16. */
  readonly batch?: number;
}

interface Compiled {
  readonly position: number;
  /** Of the frame that holds its code, when it was compiled. */
  readonly version: number;
}

/** What has been compiled so far. */
export interface JitStatistics {
  regions: number;
  instructions: number;
  bytes: number;
  modules: number;
  milliseconds: number;
}

/** Blocks that wait are compiled together when there are so many. */
const DEFAULT_BATCH = 16;
const MOST_REGIONS = 4096;
const DEFAULT_THRESHOLD = 500;

/** Compiles hot blocks, with what branches reach from them, to WebAssembly. */
export class Jit {
  readonly statistics: JitStatistics = { regions: 0, instructions: 0, bytes: 0, modules: 0, milliseconds: 0 };
  readonly #parts: JitParts;
  readonly #known = new Map<string, Compiled>();
  readonly #waiting = new Set<number>();
  readonly #first: number;
  readonly #batch: number;
  #regions = 0;
  #generation = 0;

  constructor(parts: JitParts, options: JitOptions = {}) {
    this.#parts = parts;
    this.#first = parts.table.length;
    this.#batch = options.batch ?? DEFAULT_BATCH;
    parts.code.heat = options.threshold ?? DEFAULT_THRESHOLD;
  }

  /** A block has become hot. True when it is worth compiling now. */
  request(block: number): boolean {
    // Blocks that waited are gone when the code cache has been emptied.
    if (this.#generation !== this.#parts.code.generation) this.#waiting.clear();
    this.#generation = this.#parts.code.generation;
    this.#waiting.add(block);
    return this.#waiting.size >= this.#batch;
  }

  get isWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** Compiles what waits. */
  compile(): void {
    const started = performance.now();
    if (this.#generation !== this.#parts.code.generation) this.#waiting.clear();
    const fresh: { readonly block: number; readonly key: string; readonly region: Region }[] = [];
    for (const block of this.#waiting) {
      const key = this.#keyOf(block);
      if (key === undefined) continue;
      const known = this.#known.get(key);
      if (known !== undefined && known.version === this.#versionOf(block))
        this.#parts.code.attach(block, known.position);
      else {
        const region = this.#discover(block);
        if (region !== undefined) fresh.push({ block, key, region });
      }
    }
    this.#waiting.clear();
    if (fresh.length === 0) return;
    const functions = this.#instantiate(fresh.map(({ region }) => region));
    fresh.forEach(({ block, key }, i) => {
      const position = this.#place(functions[i] as WebAssembly.ExportValue);
      this.#known.set(key, { position, version: this.#versionOf(block) });
      this.#parts.code.attach(block, position);
    });
    this.statistics.milliseconds += performance.now() - started;
  }

  #instantiate(regions: readonly Region[]): WebAssembly.ExportValue[] {
    const module = new ModuleBuilder();
    module.importMemory("host", "memory", { minimum: 1 });
    const flagFunctions = defineFlagFunctions(module);
    regions.forEach((region, i) => {
      const written: FunctionReference = writeRegion(module, region, flagFunctions);
      module.exportFunction(`${i}`, written);
      for (const block of region.blocks.values()) this.statistics.instructions += block.instructions.length;
    });
    const bytes = module.finish();
    this.statistics.bytes += bytes.length;
    this.statistics.modules++;
    this.statistics.regions += regions.length;
    const imports = { host: { memory: this.#parts.memory.memory } };
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), imports);
    return regions.map((_, i) => exports[i] as WebAssembly.ExportValue);
  }

  #place(region: WebAssembly.ExportValue): number {
    const { table } = this.#parts;
    if (this.#regions === MOST_REGIONS) this.#dropAll();
    const position = this.#first + this.#regions++;
    if (position >= table.length) table.grow(position - table.length + 64);
    table.set(position, region);
    return position;
  }

  /** Bounds what has been compiled: blocks are decoded, and regions compiled, anew. */
  #dropAll(): void {
    const { table, code } = this.#parts;
    for (let i = this.#first; i < this.#first + this.#regions; i++) table.set(i, null);
    this.#regions = 0;
    this.#known.clear();
    code.flush();
  }

  #frameOf(block: number): HostPhysicalAddress {
    return ((this.#parts.memory.i32[(block + BLOCK.host) >> 2] as number) & ~0xfff) as HostPhysicalAddress;
  }

  #versionOf(block: number): number {
    return this.#parts.memory.frameVersion(this.#frameOf(block));
  }

  /** Undefined for what cannot be compiled. A frame that is not watched can change and keep its version: its code waits. */
  #keyOf(block: number): string | undefined {
    if (!this.#parts.memory.isWatched(this.#frameOf(block))) return undefined;
    const { memory, context } = this.#parts;
    const mode = memory.i32[(context + CONTEXT.codeMode) >> 2] as number;
    if (mode === CODE_MODE.other || memory.u8[block + BLOCK.bits] !== mode) return undefined;
    const at = block >> 2;
    return `${memory.i32[at + (BLOCK.host >> 2)]}:${memory.i32[at]}:${memory.i32[at + 1]}:${mode}`;
  }

  #discover(block: number): Region | undefined {
    const { memory, selector } = this.#parts;
    const host = memory.i32[(block + BLOCK.host) >> 2] as number;
    const entry = host & 0xfff;
    const rip = (memory.u64[(block + BLOCK.rip) >> 3] as bigint) - BigInt(entry);
    const bits = memory.u8[block + BLOCK.bits] === 64 ? 64 : 32;
    return discoverRegion(memory.u8, selector, { host: host - entry, rip, bits }, entry);
  }
}
