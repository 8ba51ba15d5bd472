import {
  type FunctionBuilder,
  type FunctionReference,
  type I64,
  i32,
  i64,
  type Label,
  load,
  type ModuleBuilder,
} from "@likex/wasm-emitter";
import { CONTEXT } from "../context.ts";
import { REGION_OUTCOME, REGION_TYPE } from "../region-type.ts";
import type { FlagFunctions, KnownFlags } from "../semantics/builder.ts";
import { SEMANTICS } from "../semantics/index.ts";
import { LocalPool } from "../semantics/memory-access.ts";
import { writeDispatch } from "./dispatch.ts";
import { FlagLocals } from "./flag-locals.ts";
import { RegionFlow } from "./flow.ts";
import type { RegionInstruction } from "./instruction.ts";
import { isCarryDead, keepsUnknownCarry } from "./kept-carry.ts";
import { PageLooks } from "./page-looks.ts";
import type { Region, RegionBlock } from "./region.ts";
import { RegionBuilder, type RegionFrame } from "./region-builder.ts";
import { RegisterLocals } from "./register-locals.ts";
import { stackDepths } from "./x87-depths.ts";

/** In what a leaving instruction tells of itself: its position above, below it how many instructions of its block did not happen. */
const POINT_SHIFT = 8;

/** A region's function (REGION_TYPE), and the positions that its second parameter chooses among. */
export interface WrittenRegion {
  readonly code: FunctionBuilder;
  readonly entries: readonly number[];
}

/** What operators of a region's function are for. The prologue is written last and comes first (FunctionBuilder.atStart). */
export type RegionPart =
  | { readonly kind: "prologue" | "entry" | "epilogue" }
  | { readonly kind: "block"; readonly block: RegionBlock }
  | { readonly kind: "instruction"; readonly instruction: RegionInstruction };

/** Told where parts begin and end, as FunctionBuilder.instructions. Parts are within others. */
export interface RegionRecorder {
  begin(at: number, part: RegionPart): void;
  end(at: number): void;
}

const PAGE = 4096;
const pageOffset = (position: number): number => position & ~(PAGE - 1);

/** What the regions of a module call. */
export interface RegionCallees {
  readonly flagFunctions: FlagFunctions;
  /** A function of the second module. */
  readonly routine: (name: string) => FunctionReference;
}

/** Writes a region as a function. */
export function writeRegion(
  module: ModuleBuilder,
  region: Region,
  callees: RegionCallees,
  name: string = "region",
  recorder?: RegionRecorder,
): WrittenRegion {
  const flow = new RegionFlow(region);
  const code = module.function(name, REGION_TYPE.params, REGION_TYPE.results);
  new RegionWriter(code, region, flow, callees, recorder).write();
  return { code, entries: flow.entries };
}

class RegionWriter {
  readonly code: FunctionBuilder;
  readonly #region: Region;
  readonly #flow: RegionFlow;
  readonly #recorder: RegionRecorder | undefined;
  readonly #frame: RegionFrame;
  readonly #labels = new Map<number, Label>();
  readonly #loops = new Map<number, Label>();
  readonly #known = new Map<number, KnownFlags | undefined>();
  /** Pages that have been looked at on the way to a block, by the block's number. */
  readonly #looked = new Map<number, ReadonlySet<number>>();
  readonly #budget;
  readonly #rip;
  readonly #outcome;
  readonly #point;
  /** Which entry is to be chosen. */
  readonly #entry;
  readonly #pages: PageLooks;
  readonly #target;
  /** Where leaving instructions and finished ones go. */
  #miss: Label | undefined;
  #done: Label | undefined;
  /** Where an entry is chosen. */
  #choice: Label | undefined;
  #current = 0;
  #currentPoint = 0;

  constructor(
    code: FunctionBuilder,
    region: Region,
    flow: RegionFlow,
    { flagFunctions, routine }: RegionCallees,
    recorder: RegionRecorder | undefined,
  ) {
    this.code = code;
    this.#recorder = recorder;
    this.#region = region;
    this.#flow = flow;
    this.#budget = code.local("i32");
    this.#rip = code.local("i64");
    this.#outcome = code.local("i32");
    this.#point = code.local("i32");
    this.#target = code.local("i64");
    this.#entry = code.param(1, "i32");
    const context = code.param(0, "i32");
    this.#pages = new PageLooks(code, context, region.pages);
    const pool = new LocalPool(code);
    this.#frame = {
      code,
      context,
      page: region.page,
      registers: new RegisterLocals(code, context, stackDepths(region)),
      routine,
      flags: new FlagLocals({ code, context, pool }, flagFunctions, flow.blocks.some(keepsUnknownCarry)),
      tlb: code.local("i32"),
      tlbMask: code.local("i32"),
      pool,
      furtherElements: this.#furtherElements(),
      leaveIf: (condition) => {
        this.#setPoint();
        code.brIf(this.#miss as Label, condition);
      },
      leave: () => {
        this.#setPoint();
        code.br(this.#miss as Label);
      },
      goTo: (position) => this.#goTo(position),
      goToRip: (rip) => this.#goToRip(rip),
    };
  }

  write(): void {
    const { code } = this;
    const at = code.get(this.#frame.context);
    this.#recorder?.begin(code.instructions, { kind: "entry" });
    code.block((done) => {
      this.#done = done;
      code.block((miss) => {
        this.#miss = miss;
        this.#body();
        code.unreachable();
      });
      this.#recorder?.begin(code.instructions, { kind: "epilogue" });
      const point = code.get(this.#point);
      code.set(this.#budget, i32.add(code.get(this.#budget), i32.and(point, i32.const((1 << POINT_SHIFT) - 1))));
      code.set(this.#rip, this.#ripFrom(i64.extendS(i32.shrS(point, i32.const(POINT_SHIFT)))));
      code.set(this.#outcome, i32.const(REGION_OUTCOME.interpret));
    });
    this.#frame.registers.spill();
    this.#frame.flags.store();
    code.store("i32", at, code.get(this.#budget), CONTEXT.budget);
    code.store("i64", at, code.get(this.#rip), CONTEXT.rip);
    code.return(code.get(this.#outcome));
    this.#recorder?.begin(code.instructions, { kind: "prologue" });
    code.atStart(() => this.#load());
    this.#recorder?.end(code.instructions);
  }

  /** Takes the state that the region names from the context. */
  #load(): void {
    const { code } = this;
    const at = code.get(this.#frame.context);
    this.#frame.registers.load(this.#flow.entries, this.#entry);
    this.#frame.flags.load();
    code.set(this.#budget, load.i32(at, CONTEXT.budget));
    code.set(this.#frame.tlb, load.i32(at, CONTEXT.tlb));
    code.set(this.#frame.tlbMask, load.i32(at, CONTEXT.tlbMask));
  }

  /** The pages' bits of the entries, and the choice of one. */
  #body(): void {
    const { code } = this;
    const { entries, hasChoice } = this.#flow;
    this.#pages.begin(entries, this.#entry);
    if (!hasChoice) {
      this.#tree(1);
      return;
    }
    code.loop((choice) => {
      this.#choice = choice;
      this.#within(0, 0);
    });
    code.unreachable();
  }

  #choose(): void {
    const labels = this.#flow.entries.map((start) => this.#labels.get(this.#flow.numberOf(start)) as Label);
    this.code.brTable(labels, labels[0] as Label, this.code.get(this.#entry));
  }

  /** A repetition counts as one instruction of its block; the way to the next checkpoint keeps what it may need. */
  #furtherElements(): RegionFrame["furtherElements"] {
    const { code } = this;
    const region = this;
    return {
      get further() {
        return i32.sub(code.get(region.#budget), i32.const(region.#flow.longestPathBehind(region.#current)));
      },
      count: (further) => code.set(this.#budget, i32.sub(code.get(this.#budget), further)),
    };
  }

  #setPoint(): void {
    this.code.set(this.#point, i32.const(this.#currentPoint));
  }

  /** Instruction pointer at a position that is known only when the code runs. */
  #ripFrom(position: I64): I64 {
    const { rip, bits } = this.#region.page;
    const sum = i64.add(i64.const(BigInt.asIntN(64, rip)), position);
    return bits === 64 ? sum : i64.and(sum, i64.const(0xffff_ffffn));
  }

  #ripOf(position: number): I64 {
    return i64.const(BigInt.asIntN(64, this.#wrapped(position)));
  }

  #wrapped(position: number): bigint {
    const { rip, bits } = this.#region.page;
    return BigInt.asUintN(bits, rip + BigInt(position));
  }

  #finish(rip: I64, outcome: number): void {
    this.code.set(this.#rip, rip);
    this.code.set(this.#outcome, i32.const(outcome));
    this.code.br(this.#done as Label);
  }

  #goTo(position: number): void {
    const id = this.#successorAt(position);
    if (id === undefined || !this.#frame.registers.x87.canGoTo(id)) {
      this.#finish(this.#ripOf(position), REGION_OUTCOME.jump);
      return;
    }
    this.#leaveIfMoved(position);
    const to = this.#flow.numberOf(id);
    this.#looked.set(to, new Set([...this.#lookedAt(), pageOffset(position)]));
    if (!this.#flow.canBranch(this.#current, to)) this.#chooseEntry(position);
    else if (to <= this.#current) this.code.br(this.#loops.get(to) as Label);
    else if (this.#flow.isMerge(to)) this.code.br(this.#labels.get(to) as Label);
    else {
      const from = this.#current;
      const { depth } = this.#frame.registers.x87;
      this.#tree(to);
      this.#frame.registers.x87.depth = depth;
      this.#current = from;
    }
  }

  /** The block at a position to which control can go from the current one: its id. */
  #successorAt(position: number): number | undefined {
    const { successors } = this.#flow.blockOf(this.#current);
    const id = successors.find((successor) => this.#region.blocks.get(successor)?.start === position);
    return id ?? (this.#flow.entries.includes(position) ? position : undefined);
  }

  #lookedAt(): ReadonlySet<number> {
    return this.#looked.get(this.#current) as ReadonlySet<number>;
  }

  /** Where an indirect branch leads to code of the region, in a page that has been looked at, it stays inside. */
  #goToRip(rip: I64): void {
    const { code } = this;
    const block = this.#flow.blockOf(this.#current);
    code.set(this.#target, rip);
    const caseOf = (position: number, write: () => void) => ({ rip: this.#wrapped(position), write });
    const { returnsTo } = block;
    const follows =
      returnsTo === undefined
        ? block.successors.map((id) => (this.#region.blocks.get(id) as RegionBlock).start)
        : [returnsTo];
    const entries = follows.length > 0 ? [] : this.#knownTargets(block);
    writeDispatch(code, this.#target, [
      ...follows.map((position) => caseOf(position, () => this.#goTo(position))),
      ...entries.map((position) => caseOf(position, () => this.#enter(position, block))),
    ]);
    this.#finish(code.get(this.#target), REGION_OUTCOME.jump);
  }

  #enter(position: number, from: RegionBlock): void {
    const leave = (): void => this.#finish(this.#ripOf(position), REGION_OUTCOME.jump);
    if (!this.#pages.areSamePage(position, from.start)) this.code.if(this.#pages.isUnseen(position), leave);
    this.#chooseEntry(position);
  }

  /** Entries that an indirect branch may lead to. */
  #knownTargets({ ending }: RegionBlock): readonly number[] {
    const { returns, targets } = this.#region;
    return (ending === "return" ? returns : targets).filter((position) => this.#frame.registers.x87.canGoTo(position));
  }

  #chooseEntry(position: number): void {
    this.code.set(this.#entry, i32.const(this.#flow.entries.indexOf(position)));
    this.code.br(this.#choice as Label);
  }

  /**
   * Leaves before code of a page that has not been looked at since the region was entered, where the guest does not have there
   * what was compiled.
   */
  #leaveIfMoved(position: number): void {
    if (this.#lookedAt().has(pageOffset(position))) return;
    const rip = this.#ripOf(position);
    this.#pages.look(position, rip, (isOther) => this.code.if(isOther, () => this.#finish(rip, REGION_OUTCOME.jump)));
  }

  /** The same before an instruction that ends in another page than it begins in. */
  #lookAcross({ start, end }: RegionInstruction): void {
    if (!this.#pages.areSamePage(start, end - 1)) this.#pages.look(end, this.#ripOf(end), this.#frame.leaveIf);
  }

  /** A block and all that it dominates. */
  #tree(number: number): void {
    if (!this.#flow.isLoopHeader(number)) {
      this.#within(number, 0);
      return;
    }
    this.code.loop((label) => {
      this.#loops.set(number, label);
      this.#within(number, 0);
    });
    this.code.unreachable();
  }

  #within(number: number, depth: number): void {
    const merge = this.#flow.mergesBelow(number)[depth];
    if (merge === undefined) {
      if (number === 0) this.#choose();
      else this.#writeBlock(number);
      return;
    }
    this.code.block((label) => {
      this.#labels.set(merge, label);
      this.#within(number, depth + 1);
      this.code.unreachable();
    });
    this.#tree(merge);
  }

  #writeBlock(number: number): void {
    const { code } = this;
    const block = this.#flow.blockOf(number);
    const count = block.instructions.length;
    this.#current = number;
    const looked = this.#flow.hasOnePredecessor(number) ? this.#looked.get(number) : undefined;
    this.#looked.set(number, looked ?? new Set([pageOffset(block.start)]));
    this.#recorder?.begin(code.instructions, { kind: "block", block });
    if (this.#flow.isCheckpoint(number)) {
      code.set(this.#point, i32.const(block.start << POINT_SHIFT));
      code.brIf(this.#miss as Label, i32.ltS(code.get(this.#budget), i32.const(this.#flow.longestPath(number))));
    }
    code.set(this.#budget, i32.sub(code.get(this.#budget), i32.const(count)));
    this.#frame.registers.beginBlock(block.id);
    let known = this.#flow.hasOnePredecessor(number) ? this.#known.get(number) : undefined;
    block.instructions.forEach((instruction, index) => {
      this.#begin(block, index);
      this.#recorder?.begin(code.instructions, { kind: "instruction", instruction });
      this.#frame.pool.reset();
      this.#lookAcross(instruction);
      const builder = new RegionBuilder(this.#frame, instruction, { known, isCarryDead: isCarryDead(block, index) });
      const isLast = index === count - 1;
      // What the branch does not change its targets know.
      if (isLast) for (const next of block.successors) this.#known.set(this.#flow.numberOf(next), known);
      SEMANTICS[instruction.selection.shape.mnemonic]?.write(builder);
      known = builder.known;
      this.#recorder?.end(code.instructions);
    });
    if (block.ending === "next") {
      for (const next of block.successors) this.#known.set(this.#flow.numberOf(next), known);
      this.#goTo(block.end);
    }
    this.#recorder?.end(code.instructions);
  }

  #begin(block: RegionBlock, index: number): void {
    const { start } = block.instructions[index] as RegionBlock["instructions"][number];
    this.#currentPoint = (start << POINT_SHIFT) | (block.instructions.length - index);
  }
}
