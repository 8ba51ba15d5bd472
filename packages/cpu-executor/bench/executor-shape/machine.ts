import { HostMemory } from "@likex/host-memory";
import { CodeCache } from "../../src/code-cache.ts";
import { CONTEXT, CONTEXT_FRAMES, SEGMENT } from "../../src/context.ts";
import { createStopDetails, MMU_RESULT } from "../../src/index.ts";
import { instantiateInterpreter, type SlowImports } from "../../src/interpreter/instance.ts";
import { InstructionSelector } from "../../src/predecode.ts";
import { BLOCK, RECORD } from "../../src/record.ts";
import { SegmentCheck } from "../../src/segment-check.ts";
import { SoftTlb } from "../../src/soft-tlb.ts";
import { CpuState } from "../../src/state.ts";
import { PORT_DETAIL, STATUS } from "../../src/status.ts";
import type { Guest } from "./guests.ts";

const MEMORY = 128 << 20;
const COMMAND_LINE = 0x1100;
const MULTIBOOT_INFORMATION = 0x1000;

export interface InterpreterUnderTest {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly keys: readonly string[];
  readonly createSelector?: (keys: readonly string[]) => InstructionSelector;
  readonly createCodeCache?: (memory: HostMemory, selector: InstructionSelector) => CodeCache;
}

/** One run of a guest in long mode, with identity translation and the ports that the guests use: as little as possible beside the executor. */
export class Machine {
  readonly memory: HostMemory = HostMemory.create({ bytes: MEMORY + (64 << 20) });
  readonly context: number = this.memory.allocateFrames(CONTEXT_FRAMES);
  readonly base: number = this.memory.allocateFrames(MEMORY >> 12);
  readonly code: CodeCache;
  readonly tlb: SoftTlb;
  readonly state: CpuState;
  readonly selector: InstructionSelector;
  readonly slow: SlowImports;
  readonly #run: (context: number, block: number) => number;
  output = "";
  exited = false;
  #retired = 0;

  constructor(guest: Guest, commandLine: string, interpreter: InterpreterUnderTest) {
    const stop = createStopDetails();
    const mmu = new IdentityMmu(this.base);
    this.tlb = new SoftTlb(this.memory, mmu, this.context, stop);
    this.slow = {
      read: (_context, bytes, low, high) => this.tlb.read(bytes, low, high),
      write: (_context, bytes, low, high) => this.tlb.write(bytes, low, high),
      probe: (_context, bytes, low, high) => this.tlb.probe(bytes, low, high),
      segment: (_context, what, low, high) => segments.check(what, low, high),
      watched: (host, low) => (this.tlb.refusesWrites(host, low) ? 1 : 0),
    };
    const { exports, loadExtension } = instantiateInterpreter(
      this.memory.memory,
      this.slow,
      undefined,
      interpreter.bytes,
    );
    this.#run = exports.run;
    this.selector =
      interpreter.createSelector?.(interpreter.keys) ?? new InstructionSelector(interpreter.keys, loadExtension);
    this.code = interpreter.createCodeCache?.(this.memory, this.selector) ?? new CodeCache(this.memory, this.selector);
    this.state = new CpuState(this.memory, this.context, () => exports.flags(this.context));
    const segments = new SegmentCheck(this.memory, this.state);
    for (const { address, bytes } of guest.segments) this.memory.u8.set(bytes, this.base + address);
    this.memory.u32[(this.base + MULTIBOOT_INFORMATION) >> 2] = 4;
    this.memory.u32[(this.base + MULTIBOOT_INFORMATION + 16) >> 2] = COMMAND_LINE;
    this.memory.u8.set(new TextEncoder().encode(`${commandLine}\0`), this.base + COMMAND_LINE);
    this.#enterLongMode(guest);
  }

  /** Guest instructions executed. */
  get retired(): number {
    return this.#retired;
  }

  /** Executes about `budget` instructions, fewer if the guest ends. */
  run(budget: number): void {
    const { i32 } = this.memory;
    const budgetAt = (this.context + CONTEXT.budget) >> 2;
    i32[budgetAt] = budget;
    while (!this.exited) {
      const status = this.#run(this.context, this.#block());
      if (status === STATUS.budget) break;
      if (status === STATUS.port) this.#port();
      else if (status !== STATUS.lookup)
        throw new Error(`unexpected status ${status} at ${this.state.ripNumber.toString(16)}`);
    }
    this.#retired += budget - (i32[budgetAt] as number);
  }

  #block(): number {
    const rip = this.state.ripNumber;
    const known = this.tlb.knownBlock(rip, 0);
    if (known !== 0) return known;
    const source = {
      host: this.base + rip,
      linearLow: rip,
      linearHigh: 0,
      ripLow: rip,
      ripHigh: 0,
      bits: 64 as const,
      limit: Number.POSITIVE_INFINITY,
      nextPage: () => this.base + (rip & ~0xfff) + 4096,
    };
    const epoch = this.memory.watchEpoch + this.code.generation;
    const block = this.code.find(source);
    if (this.memory.watchEpoch + this.code.generation !== epoch) this.tlb.flush();
    if (this.code.isKept) this.tlb.keepBlock(rip, 0, block);
    return block;
  }

  /** COM1 prints, its status says ready, port 0xf4 ends the run; the stopped instruction is completed. */
  #port(): void {
    const { i32, u8 } = this.memory;
    const detail = i32[(this.context + CONTEXT.stopDetail) >> 2] as number;
    const port = this.state.registerLow(2) & 0xffff;
    if ((detail & PORT_DETAIL.immediate) !== 0) this.exited = true;
    else if ((detail & PORT_DETAIL.in) !== 0) u8[this.context + CONTEXT.gpr] = port === 0x3fd ? 0x60 : 0;
    else if (port === 0x3f8) this.output += String.fromCharCode(this.state.registerLow(0) & 0xff);
    const block = i32[(this.context + CONTEXT.block) >> 2] as number;
    const record = i32[(this.context + CONTEXT.stopRecord) >> 2] as number;
    let rip = i32[(block + BLOCK.rip) >> 2] as number;
    for (let at = block + BLOCK.size; at <= record; at += RECORD.size) rip += u8[at + RECORD.length] as number;
    this.state.ripNumber = rip;
  }

  #enterLongMode(guest: Guest): void {
    const { state } = this;
    state.cr0 = 0x80000033 | 0;
    state.cr4 = 0x620;
    state.efer = 0x500;
    state.setSegmentRaw(SEGMENT.cs, 0x18, 0, 0, 0xffffffff, 0xa09b);
    for (const i of [SEGMENT.es, SEGMENT.ss, SEGMENT.ds, SEGMENT.fs, SEGMENT.gs])
      state.setSegmentRaw(i, 0x10, 0, 0, 0xffffffff, 0xc093);
    state.refreshSegments();
    state.setRegister(4, BigInt(guest.stack - 8));
    state.setRegister(7, BigInt(MULTIBOOT_INFORMATION));
    state.ripNumber = guest.entry;
  }
}

class IdentityMmu {
  readonly #base: number;
  hostPage = 0;
  guestPage = 0;
  readonly permissions = 7;
  readonly pageFaultErrorCode = 0;

  constructor(base: number) {
    this.#base = base;
  }

  translate(low: number, high: number): number {
    const page = (low & ~0xfff) >>> 0;
    if (high !== 0 || page >= MEMORY) return MMU_RESULT.stop;
    this.guestPage = page;
    this.hostPage = this.#base + page;
    return MMU_RESULT.ok;
  }
}
