import type { HostMemory, HostPhysicalAddress } from "@likex/host-memory";
import { createDecodedInstruction, type DecodedInstruction } from "@likex/x86-decoder";
import type { CodeCache } from "../code-cache.ts";
import { CODE_MODE, CONTEXT } from "../context.ts";
import type { PatchedFields } from "../patched-fields.ts";
import type { InstructionSelector } from "../predecode.ts";
import { BLOCK } from "../record.ts";
import { executedCode, stillWarm } from "./executed-code.ts";
import { InterpretedForms } from "./interpreted-forms.ts";
import { placesOf } from "./place.ts";
import { planRegion } from "./plan-region.ts";
import { pageAt, type RegionBase } from "./region.ts";
import type { CompiledRegion, RegionPlan, RegionStore, WrittenModule } from "./region-store.ts";

/** What a processor gives its compiler. */
export interface JitParts {
  readonly memory: HostMemory;
  readonly context: number;
  readonly selector: InstructionSelector;
  readonly code: CodeCache;
  /** The block that may be executed at an instruction pointer, if it is known; else 0. */
  readonly knownBlock: (ripLow: number, ripHigh: number) => number;
  /** Instructions that it has retired. */
  readonly retired: () => number;
}

/** When a processor compiles. */
export interface JitThresholds {
  /** Entries of a block after which it is compiled. */
  readonly threshold: number;
  /** Instructions that the processor executes before the arena's first code is compiled. */
  readonly delay: number;
  /** Blocks that wait until they are compiled together, at the latest at the end of a slice of the budget. */
  readonly batch: number;
  /** Instructions on the longest way from one that is left to the interpreter to the next, below which there is no region. */
  readonly shortest: number;
  /** "now" stops the guest while it is compiled; "background" lets it be interpreted until the module is there. */
  readonly compilation: "now" | "background";
}

const PAGE = 4096;
/** How often the processor asks while something waits, or is being compiled, until it is compiled now. */
const MOST_RUNS = 256;
const MOST_PATIENCE = 64;

/** Has the hot blocks of one processor run regions, which it has the store compile. */
export class Jit {
  readonly #parts: JitParts;
  readonly #store: RegionStore;
  readonly #thresholds: JitThresholds;
  readonly #forms: InterpretedForms;
  readonly #waiting = new Set<number>();
  /** Blocks that have become hot inside a region once. */
  readonly #postponed = new Set<number>();
  readonly #scratch: DecodedInstruction = createDecodedInstruction();
  /** Being compiled in the background. */
  #pending: WrittenModule | undefined;
  /** How often something that waits was passed over. */
  #patience = 0;
  #codeGeneration: number;
  #storeGeneration: number;

  constructor(parts: JitParts, store: RegionStore, thresholds: JitThresholds) {
    this.#parts = parts;
    this.#store = store;
    this.#thresholds = thresholds;
    this.#codeGeneration = parts.code.generation;
    this.#storeGeneration = store.generation;
    parts.memory.i32[(parts.context + CONTEXT.regionCounters) >> 2] = store.counters;
    this.#forms = new InterpretedForms(parts.memory, parts.selector, parts.code);
    store.addForms(this.#forms);
    parts.code.onDrop = (by) => {
      if (by === "flush") this.#forms.collect();
      else store.endForms(this.#forms);
    };
    // Code that is compiled already, for another processor perhaps, is used at once.
    parts.code.heatOf = (place) =>
      store.find(place) === undefined ? store.thresholdAt(place.host, thresholds.threshold) : 1;
  }

  /** Fields of instructions that compiled code loads. */
  get patchedFields(): PatchedFields {
    return this.#store.patchedFields;
  }

  /** Nothing that the processor may run has been dropped meanwhile. */
  get isCurrent(): boolean {
    return this.#storeGeneration === this.#store.generation;
  }

  /** Called before the processor runs, where that is not so or something waits: what was dropped meanwhile is dropped here, too. */
  refresh(): void {
    if (!this.isCurrent) {
      this.#storeGeneration = this.#store.generation;
      this.#parts.code.flush();
    }
    if (this.hasWaitedLong()) this.compile();
  }

  /** True when something waits and this has been asked often: a guest that needs the processor often never ends a slice. */
  hasWaitedLong(): boolean {
    return this.isWaiting() && ++this.#patience >= MOST_RUNS && this.#isTime();
  }

  /** A block has become hot. True when it is worth compiling now. */
  request(block: number): boolean {
    this.#forgetDropped();
    this.#forms.noteHot(block);
    if (this.#attachKnown(block) || this.#postpone(block)) return false;
    this.#waiting.add(block);
    return this.#waiting.size >= this.#thresholds.batch && this.#isTime();
  }

  /**
   * A block in the middle of a region was mostly entered before that was compiled: it becomes an entry when it is executed
   * as often again. True when it has been given this time.
   */
  #postpone(block: number): boolean {
    if (this.#postponed.has(block)) return false;
    const { base, host, position } = this.#positionOf(block);
    const isInside = this.#store.ofPage(host, base.rip, base.bits)?.region.blocks.has(position) === true;
    const heat = stillWarm(this.#thresholds.threshold);
    if (!isInside || heat === 0) return false;
    const { i32 } = this.#parts.memory;
    i32[(block + BLOCK.heat) >> 2] = heat;
    i32[(block + BLOCK.first) >> 2] = heat;
    this.#postponed.add(block);
    return true;
  }

  /** Where code has been compiled already, the compiler itself is warm. */
  #isTime(): boolean {
    return this.#store.statistics.modules > 0 || this.#parts.retired() >= this.#thresholds.delay;
  }

  /** At the end of a slice: true when something is to be compiled, or is being compiled in the background. */
  isDue(): boolean {
    return this.isWaiting() && this.#isTime();
  }

  /** Something is to be compiled, or is being compiled in the background. */
  isWaiting(): boolean {
    return this.#waiting.size > 0 || this.#pending !== undefined;
  }

  /** Compiles what waits, or begins to. */
  compile(): void {
    const started = performance.now();
    this.#forgetDropped();
    if (this.#pending !== undefined) {
      // The embedding program has not returned to its event loop for so long that nothing can come from there.
      if (++this.#patience < MOST_PATIENCE) return;
      this.#finish(this.#pending, new WebAssembly.Module(this.#pending.bytes));
    }
    const plans = this.#plans();
    if (plans.length > 0) {
      const written = this.#store.write(plans);
      if (this.#thresholds.compilation === "background") this.#begin(written);
      else this.#finish(written, new WebAssembly.Module(written.bytes));
    }
    this.#store.statistics.milliseconds += performance.now() - started;
  }

  /** Regions for the blocks that wait. */
  #plans(): readonly RegionPlan[] {
    const plans: RegionPlan[] = [];
    for (const block of this.#waiting) {
      if (this.#attachKnown(block) || this.#isPlanned(plans, block)) continue;
      const plan = this.#plan(block);
      if (plan !== undefined) plans.push(plan);
    }
    this.#waiting.clear();
    this.#patience = 0;
    return plans;
  }

  /** Has the engine compile on a thread of its own; the result is taken when the embedding program returns to its event loop. */
  #begin(written: WrittenModule): void {
    this.#pending = written;
    WebAssembly.compile(written.bytes).then(
      (module) => {
        if (this.#pending === written) this.#finish(written, module);
      },
      // Where memory for code is short the blocks stay interpreted.
      () => {
        if (this.#pending === written) this.#pending = undefined;
      },
    );
  }

  #finish(written: WrittenModule, module: WebAssembly.Module): void {
    this.#pending = undefined;
    this.#patience = 0;
    const compiled = this.#store.add(written, module);
    // Reaching a limit has dropped what blocks refer to.
    if (this.#storeGeneration !== this.#store.generation) this.refresh();
    else for (const region of compiled) this.#attachEntries(region);
  }

  /** Blocks that waited are gone when the code cache has been emptied. */
  #forgetDropped(): void {
    if (this.#codeGeneration !== this.#parts.code.generation) {
      this.#waiting.clear();
      this.#postponed.clear();
    }
    this.#codeGeneration = this.#parts.code.generation;
  }

  /** A frame that is not watched can change and keep its version: its code waits. */
  #isCompilable(block: number): boolean {
    const { memory, context } = this.#parts;
    const mode = memory.i32[(context + CONTEXT.codeMode) >> 2] as number;
    const isMode = mode !== CODE_MODE.other && memory.u8[block + BLOCK.bits] === mode;
    return isMode && memory.isWatched((this.#hostOf(block) & ~(PAGE - 1)) as HostPhysicalAddress);
  }

  #hostOf(block: number): number {
    return this.#parts.memory.i32[(block + BLOCK.host) >> 2] as number;
  }

  #attachKnown(block: number): boolean {
    if (!this.#isCompilable(block)) return false;
    const { i32, u8 } = this.#parts.memory;
    const known = this.#store.find({
      host: this.#hostOf(block),
      ripLow: i32[(block + BLOCK.rip) >> 2] as number,
      ripHigh: i32[(block + BLOCK.rip + 4) >> 2] as number,
      bits: u8[block + BLOCK.bits] as number,
    });
    return known !== undefined && this.#parts.code.attach(block, known.position, known.index);
  }

  /** A region that is about to be compiled has it. */
  #isPlanned(plans: readonly RegionPlan[], block: number): boolean {
    const at = this.#positionOf(block);
    const { rip, bits } = at.base;
    return plans.some(
      ({ region }) =>
        region.page.rip === rip &&
        region.page.bits === bits &&
        region.pages[0]?.host === at.host &&
        region.blocks.has(at.position),
    );
  }

  #positionOf(block: number): { readonly base: RegionBase; readonly host: number; readonly position: number } {
    const { memory } = this.#parts;
    const host = this.#hostOf(block);
    const position = host & (PAGE - 1);
    const rip = (memory.u64[(block + BLOCK.rip) >> 3] as bigint) - BigInt(position);
    return { base: { rip, bits: memory.u8[block + BLOCK.bits] === 64 ? 64 : 32 }, host: host - position, position };
  }

  #plan(block: number): RegionPlan | undefined {
    if (!this.#isCompilable(block)) return undefined;
    const { base, host, position } = this.#positionOf(block);
    const { threshold, shortest } = this.#thresholds;
    const { patchedFields } = this.#store;
    const code = executedCode(this.#parts, { page: base, host }, { threshold, scratch: this.#scratch, patchedFields });
    return planRegion(code, this.#store.ofPage(host, base.rip, base.bits), position, shortest);
  }

  /** Has every block that begins at an entry run the region. */
  #attachEntries({ position, region, entries }: CompiledRegion): void {
    const { code } = this.#parts;
    const place = placesOf(region.page);
    entries.forEach((entry, index) => {
      const block = code.blockAt(place(pageAt(region, entry), entry));
      if (block !== 0) code.attach(block, position, index);
    });
  }
}
