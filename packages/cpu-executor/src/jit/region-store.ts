import type { HostMemory, HostPhysicalAddress } from "@likex/host-memory";
import { ModuleBuilder } from "@likex/wasm-emitter";
import { type CodePlace, isSameView } from "../code-cache.ts";
import { importFlagFunctions } from "../interpreter/flag-functions.ts";
import { PatchedFields } from "../patched-fields.ts";
import { type InterpretedForms, sortedForms, type UncompiledForm } from "./interpreted-forms.ts";
import { placesOf } from "./place.ts";
import { instructionsIn, pageAt, type Region } from "./region.ts";
import { importRoutines, instantiateRoutines } from "./routine-imports.ts";
import { createRunner, type RegionRunner } from "./runner.ts";
import { type RegionRecorder, writeRegion } from "./write-region.ts";

/** What bounds the compiled code of an arena; when it is reached all of it is dropped. */
export interface RegionLimits {
  readonly mostRegions: number;
  readonly mostBytes: number;
}

/** A compiled region. */
export interface CompiledRegion extends RegionPlan {
  /** In the table of regions. */
  readonly position: number;
  /** What its function's second parameter chooses among. */
  readonly entries: readonly number[];
}

export interface RegionPlan {
  readonly region: Region;
  /** The blocks that were asked for, as positions. */
  readonly seeds: readonly number[];
  /** How many regions it takes the place of. */
  readonly rebuilds: number;
}

/** Regions as a module that is yet to be compiled. */
export interface WrittenModule {
  readonly plans: readonly RegionPlan[];
  /** Of each region. */
  readonly entries: readonly (readonly number[])[];
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** What has been compiled so far. */
export interface JitStatistics {
  /** Regions, and the guest instructions in them. */
  regions: number;
  instructions: number;
  modules: number;
  /** Of WebAssembly. */
  bytes: number;
  /** On the main thread. */
  milliseconds: number;
  /** How often everything was dropped because a limit was reached. */
  evictions: number;
}

interface Entry {
  readonly place: CodePlace;
  readonly compiled: CompiledRegion;
  readonly index: number;
  readonly next: Entry | undefined;
}

const FRAME = 4096;
const COUNTER_BYTES = 8;
/** Instructions executed in a region after which compiling it was worth it. */
const PAYS_AFTER = 1_000_000;
const LARGEST_THRESHOLD = 1 << 30;

/**
 * The compiled code of one arena. Frames that several virtual machines share have their code compiled once: a region is known by
 * where its code is in host memory, and its function is given the context of the processor that runs it.
 */
export class RegionStore {
  readonly statistics: JitStatistics = {
    ...{ regions: 0, instructions: 0, modules: 0, bytes: 0, milliseconds: 0, evictions: 0 },
  };
  /** Incremented when everything has been dropped: blocks that run regions must be, too. */
  generation = 0;
  /** Fields of instructions that regions load. */
  readonly patchedFields: PatchedFields;
  readonly #memory: HostMemory;
  readonly #limits: RegionLimits;
  readonly #runner: RegionRunner;
  readonly #counters: HostPhysicalAddress;
  /** By the host address of an entry's code. */
  readonly #entries = new Map<number, Entry>();
  /** The newest region of a page, by the host address of the page. */
  readonly #pages = new Map<number, CompiledRegion>();
  /** By the host address of a frame: how often its code has changed too soon. */
  readonly #changes = new Map<number, number>();
  readonly #regions: CompiledRegion[] = [];
  /** Of the processors that there are, and the sums of those that there were. */
  readonly #forms = new Set<InterpretedForms>();
  readonly #formsBefore = new Map<string, number>();
  #loadedRoutines: WebAssembly.ModuleImports | undefined;
  #bytes = 0;
  /** Guest instructions executed in regions that have been dropped. */
  #executedBefore = 0;

  /** Throws OutOfHostMemoryError where the arena has no room for the counters. */
  constructor(memory: HostMemory, limits: RegionLimits) {
    this.#memory = memory;
    this.#limits = limits;
    this.patchedFields = new PatchedFields(memory);
    this.#counters = memory.allocateFrames(Math.ceil(((limits.mostRegions + 1) * COUNTER_BYTES) / FRAME));
    memory.u8.fill(0, this.#counters, this.#counters + (limits.mostRegions + 1) * COUNTER_BYTES);
    this.#runner = createRunner(memory.memory);
  }

  /** Host address of what CONTEXT.regionCounters says. */
  get counters(): number {
    return this.#counters;
  }

  /** Runs regions (REGION_RUN_TYPE): what an interpreter of the arena imports. */
  get run(): RegionRunner["run"] {
    return this.#runner.run;
  }

  /** All regions that may be running. */
  get regions(): readonly CompiledRegion[] {
    return this.#regions;
  }

  /** Guest instructions executed in a region. */
  executedIn({ position }: CompiledRegion): number {
    return Number(this.#memory.u64[(this.#counters + position * COUNTER_BYTES) >> 3] as bigint);
  }

  /** Guest instructions executed in all regions, dropped ones included. */
  get executed(): number {
    let sum = this.#executedBefore;
    for (const region of this.#regions) sum += this.executedIn(region);
    return sum;
  }

  /** A processor of the arena begins to count what it interprets. */
  addForms(forms: InterpretedForms): void {
    this.#forms.add(forms);
  }

  /** Its blocks are about to go for good. */
  endForms(forms: InterpretedForms): void {
    forms.addUncompiled(this.#formsBefore);
    this.#forms.delete(forms);
  }

  /** Forms that the arena's processors have executed and regions do not have, the most executed first. */
  get uncompiled(): readonly UncompiledForm[] {
    const sums = new Map(this.#formsBefore);
    for (const forms of this.#forms) forms.addUncompiled(sums);
    return sortedForms(sums);
  }

  /** A threshold, raised for code in frames whose code changes before it pays to have compiled it. */
  thresholdAt(host: number, threshold: number): number {
    const changes = this.#changes.get(host & ~(FRAME - 1));
    return changes === undefined ? threshold : Math.min(threshold * 2 ** changes, LARGEST_THRESHOLD);
  }

  /** The region that code can be entered at, if the code is still the same. */
  find(place: CodePlace): { readonly position: number; readonly index: number } | undefined {
    let entry = this.#entries.get(place.host);
    while (entry !== undefined && !isSameView(entry.place, place)) entry = entry.next;
    if (entry === undefined) return undefined;
    const { compiled, index } = entry;
    return this.#isCurrent(compiled, place.host) ? { position: compiled.position, index } : undefined;
  }

  /** The newest region whose first page this is, as long as the page is the same. */
  ofPage(host: number, rip: bigint, bits: number): CompiledRegion | undefined {
    const compiled = this.#pages.get(host);
    const isSame = compiled?.region.page.rip === rip && compiled.region.page.bits === bits;
    return compiled !== undefined && isSame && this.#isCurrent(compiled, host) ? compiled : undefined;
  }

  /** Whether the frame holds what it held when the region was compiled. */
  #isCurrent({ region }: CompiledRegion, host: number): boolean {
    const frame = (host & ~(FRAME - 1)) as HostPhysicalAddress;
    const page = region.pages.find((p) => p.host === frame);
    return page !== undefined && this.#memory.isWatched(frame) && page.version === this.#memory.frameVersion(frame);
  }

  /** Writes regions as one module: the first, where there are more than may be. */
  write(wanted: readonly RegionPlan[], recorder?: RegionRecorder): WrittenModule {
    const plans = wanted.slice(0, this.#limits.mostRegions);
    const module = new ModuleBuilder();
    module.importMemory("host", "memory", { minimum: 1 });
    const callees = {
      flagFunctions: importFlagFunctions(module, "shared"),
      routine: importRoutines(module, "routines", plans),
    };
    const entries = plans.map(({ region }, i) => {
      const { rip } = region.page;
      const name = `region ${(rip + BigInt(region.entries[0] as number)).toString(16)}`;
      const written = writeRegion(module, region, callees, name, recorder);
      module.exportFunction(`${i}`, written.code);
      return written.entries;
    });
    return { plans, entries, bytes: module.finish() };
  }

  /** Makes the regions of a compiled module ones that can be run. */
  add({ plans, entries, bytes }: WrittenModule, module: WebAssembly.Module): readonly CompiledRegion[] {
    if (this.#regions.length + plans.length > this.#limits.mostRegions || this.#bytes > this.#limits.mostBytes)
      this.#dropAll();
    const imports = {
      host: { memory: this.#memory.memory },
      shared: this.#runner.shared,
      routines: WebAssembly.Module.imports(module).some((entry) => entry.module === "routines") ? this.#routines() : {},
    };
    const { exports } = new WebAssembly.Instance(module, imports);
    this.statistics.modules++;
    this.statistics.bytes += bytes.length;
    this.#bytes += bytes.length;
    return plans.map((plan, i) => {
      const position = this.#regions.length + 1;
      const compiled = { position, ...plan, entries: entries[i] as readonly number[] };
      this.#place(compiled, exports[i] as WebAssembly.ExportValue);
      return compiled;
    });
  }

  #routines(): WebAssembly.ModuleImports {
    this.#loadedRoutines ??= instantiateRoutines(this.#memory.memory);
    return this.#loadedRoutines;
  }

  #place(compiled: CompiledRegion, code: WebAssembly.ExportValue): void {
    const { regions } = this.#runner;
    if (compiled.position >= regions.length) regions.grow(compiled.position - regions.length + 64);
    regions.set(compiled.position, code);
    this.#regions.push(compiled);
    this.statistics.regions++;
    this.statistics.instructions += instructionsIn(compiled.region);
    this.#note(compiled);
  }

  #note(compiled: CompiledRegion): void {
    const { page, pages } = compiled.region;
    this.#noteChange(pages[0] as Region["pages"][number]);
    this.#pages.set((pages[0] as Region["pages"][number]).host, compiled);
    const placeOf = placesOf(page);
    compiled.entries.forEach((position, index) => {
      const place = placeOf(pageAt(compiled.region, position), position);
      this.#entries.set(place.host, { place, compiled, index, next: this.#otherView(place) });
    });
  }

  #noteChange({ host, version }: Region["pages"][number]): void {
    const older = this.#pages.get(host);
    const before = older?.region.pages[0]?.version;
    if (older === undefined || before === version) return;
    const hasPaid = this.executedIn(older) > PAYS_AFTER;
    if (hasPaid) this.#changes.delete(host);
    else this.#changes.set(host, (this.#changes.get(host) ?? 0) + 1);
  }

  /** What is known of the same code where the guest sees it elsewhere: the newest. */
  #otherView(place: CodePlace): Entry | undefined {
    const known = this.#entries.get(place.host);
    return known === undefined || isSameView(known.place, place) ? known?.next : { ...known, next: undefined };
  }

  #dropAll(): void {
    this.#executedBefore = this.executed;
    const { regions } = this.#runner;
    for (const { position } of this.#regions) {
      regions.set(position, null);
      this.#memory.u64[(this.#counters + position * COUNTER_BYTES) >> 3] = 0n;
    }
    this.#regions.length = 0;
    this.#entries.clear();
    this.#pages.clear();
    this.#bytes = 0;
    this.generation++;
    this.statistics.evictions++;
  }
}
