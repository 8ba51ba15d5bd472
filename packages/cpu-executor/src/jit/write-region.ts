import {
  type FunctionBuilder,
  type I32,
  type I64,
  i32,
  i64,
  type Label,
  load,
  ModuleBuilder,
} from "@likex/wasm-emitter";
import { CONTEXT } from "../context.ts";
import { REGION_OUTCOME, REGION_TYPE } from "../region-type.ts";
import type { FlagFunctions, KnownFlags } from "../semantics/builder.ts";
import { SEMANTICS } from "../semantics/index.ts";
import { LocalPool } from "../semantics/memory-access.ts";
import { RegionFlow } from "./flow.ts";
import type { Region, RegionBlock } from "./region.ts";
import { RegionBuilder, type RegionFrame, RegisterLocals } from "./region-builder.ts";

/** In what a leaving instruction tells of itself: its position in the page above, below it how many instructions of its block did not happen. */
const POINT_SHIFT = 8;

/** Writes a region as a function (REGION_TYPE). `registers` are all that it names: a first, discarded writing finds them. */
export function writeRegion(module: ModuleBuilder, region: Region, flagFunctions: FlagFunctions): FunctionBuilder {
  const scratch = new ModuleBuilder().function("region", REGION_TYPE.params, REGION_TYPE.results);
  const probe = new RegionWriter(scratch, region, flagFunctions);
  probe.write([]);
  const writer = new RegionWriter(
    module.function("region", REGION_TYPE.params, REGION_TYPE.results),
    region,
    flagFunctions,
  );
  writer.write(probe.usedRegisters);
  return writer.code;
}

class RegionWriter {
  readonly code: FunctionBuilder;
  readonly #region: Region;
  readonly #flow: RegionFlow;
  readonly #frame: RegionFrame;
  readonly #labels = new Map<number, Label>();
  readonly #loops = new Map<number, Label>();
  readonly #known = new Map<number, KnownFlags | undefined>();
  readonly #budget;
  readonly #rip;
  readonly #outcome;
  readonly #point;
  /** Where leaving instructions and finished ones go. */
  #miss: Label | undefined;
  #done: Label | undefined;
  #current = 0;
  #currentPoint = 0;

  constructor(code: FunctionBuilder, region: Region, flagFunctions: FlagFunctions) {
    this.code = code;
    this.#region = region;
    this.#flow = new RegionFlow(region);
    this.#budget = code.local("i32");
    this.#rip = code.local("i64");
    this.#outcome = code.local("i32");
    this.#point = code.local("i32");
    const flags = {
      operation: code.local("i32"),
      result: code.local("i64"),
      source: code.local("i64"),
      first: code.local("i64"),
    };
    const context = code.param(0, "i32");
    this.#frame = {
      code,
      context,
      page: region.page,
      registers: new RegisterLocals(code),
      flags,
      flagFunctions: this.#throughContext(flagFunctions),
      tlb: code.local("i32"),
      tlbMask: code.local("i32"),
      pool: new LocalPool(code),
      leaveIf: (condition) => {
        this.#setPoint();
        code.brIf(this.#miss as Label, condition);
      },
      leave: () => {
        this.#setPoint();
        code.br(this.#miss as Label);
      },
      goTo: (position) => this.#goTo(position),
      goToRip: (rip) => this.#finish(rip, REGION_OUTCOME.jump),
    };
  }

  get usedRegisters(): readonly number[] {
    return [...this.#frame.registers.used.keys()].sort((a, b) => a - b);
  }

  write(registers: readonly number[]): void {
    const { code } = this;
    const at = code.get(this.#frame.context);
    const { flags } = this.#frame;
    for (const number of registers) code.set(this.#frame.registers.of(number), load.i64(at, CONTEXT.gpr + number * 8));
    code.set(flags.operation, load.i32(at, CONTEXT.flagOperation));
    code.set(flags.result, load.i64(at, CONTEXT.flagResult));
    code.set(flags.source, load.i64(at, CONTEXT.flagSource));
    code.set(this.#budget, load.i32(at, CONTEXT.budget));
    code.set(this.#frame.tlb, load.i32(at, CONTEXT.tlb));
    code.set(this.#frame.tlbMask, load.i32(at, CONTEXT.tlbMask));
    code.block((done) => {
      this.#done = done;
      code.block((miss) => {
        this.#miss = miss;
        const isOtherMode = i32.ne(load.i32(at, CONTEXT.codeMode), i32.const(this.#region.page.bits));
        code.set(this.#point, i32.const(this.#region.entry << POINT_SHIFT));
        code.brIf(miss, isOtherMode);
        this.#tree(0);
        code.unreachable();
      });
      const point = code.get(this.#point);
      code.set(this.#budget, i32.add(code.get(this.#budget), i32.and(point, i32.const((1 << POINT_SHIFT) - 1))));
      code.set(this.#rip, i64.add(this.#ripOf(0), i64.extendU(i32.shrU(point, i32.const(POINT_SHIFT)))));
      code.set(this.#outcome, i32.const(REGION_OUTCOME.interpret));
    });
    for (const [number, local] of this.#frame.registers.used)
      code.store("i64", at, code.get(local), CONTEXT.gpr + number * 8);
    this.#storeFlags();
    code.store("i32", at, code.get(this.#budget), CONTEXT.budget);
    code.store("i64", at, code.get(this.#rip), CONTEXT.rip);
    code.return(code.get(this.#outcome));
  }

  #storeFlags(): void {
    const { code } = this;
    const at = code.get(this.#frame.context);
    const { flags } = this.#frame;
    code.store("i32", at, code.get(flags.operation), CONTEXT.flagOperation);
    code.store("i64", at, code.get(flags.result), CONTEXT.flagResult);
    code.store("i64", at, code.get(flags.source), CONTEXT.flagSource);
  }

  /** The functions of lazy flags find them in the context. */
  #throughContext(functions: FlagFunctions): FlagFunctions {
    const stored = (value: () => I32): I32 => {
      this.#storeFlags();
      const local = this.#frame.pool.take("i32");
      this.code.set(local, value());
      return this.code.get(local);
    };
    return {
      carry: (code) => stored(() => functions.carry(code)),
      all: (code) => stored(() => functions.all(code)),
      condition: (code, number) => stored(() => functions.condition(code, number)),
    };
  }

  #setPoint(): void {
    this.code.set(this.#point, i32.const(this.#currentPoint));
  }

  #ripOf(position: number): I64 {
    const { rip, bits } = this.#region.page;
    const at = rip + BigInt(position);
    return i64.const(bits === 64 ? BigInt.asIntN(64, at) : BigInt.asUintN(32, at));
  }

  #finish(rip: I64, outcome: number): void {
    this.code.set(this.#rip, rip);
    this.code.set(this.#outcome, i32.const(outcome));
    this.code.br(this.#done as Label);
  }

  #goTo(position: number): void {
    const { successors } = this.#flow.blockOf(this.#current);
    const to = successors.includes(position) ? this.#flow.numberOf(position) : -1;
    if (to < 0 || !this.#flow.canBranch(this.#current, to)) this.#finish(this.#ripOf(position), REGION_OUTCOME.jump);
    else if (to <= this.#current) this.code.br(this.#loops.get(to) as Label);
    else if (this.#flow.isMerge(to)) this.code.br(this.#labels.get(to) as Label);
    else {
      const from = this.#current;
      this.#tree(to);
      this.#current = from;
    }
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
      this.#block(number);
      return;
    }
    this.code.block((label) => {
      this.#labels.set(merge, label);
      this.#within(number, depth + 1);
      this.code.unreachable();
    });
    this.#tree(merge);
  }

  #block(number: number): void {
    const { code } = this;
    const block = this.#flow.blockOf(number);
    const count = block.instructions.length;
    this.#current = number;
    code.set(this.#budget, i32.sub(code.get(this.#budget), i32.const(count)));
    this.#begin(block, 0);
    this.#frame.leaveIf(i32.ltS(code.get(this.#budget), i32.const(0)));
    let known = this.#flow.hasOnePredecessor(number) ? this.#known.get(number) : undefined;
    block.instructions.forEach((instruction, index) => {
      this.#begin(block, index);
      this.#frame.pool.reset();
      const builder = new RegionBuilder(this.#frame, instruction, known);
      const isLast = index === count - 1;
      // What the branch does not change its targets know.
      if (isLast) for (const next of block.successors) this.#known.set(this.#flow.numberOf(next), known);
      SEMANTICS[instruction.selection.shape.mnemonic]?.write(builder);
      known = builder.known;
    });
    if (block.ending !== "next") return;
    for (const next of block.successors) this.#known.set(this.#flow.numberOf(next), known);
    this.#goTo(block.end);
  }

  #begin(block: RegionBlock, index: number): void {
    const { start } = block.instructions[index] as RegionBlock["instructions"][number];
    this.#currentPoint = (start << POINT_SHIFT) | (block.instructions.length - index);
  }
}
