import { type FunctionBuilder, i32 } from "@likex/wasm-emitter";
import { SEMANTICS } from "../semantics/index.ts";
import { LocalPool } from "../semantics/memory-access.ts";
import { FlagLocals } from "./flag-locals.ts";
import type { RegionInstruction } from "./instruction.ts";
import { keepsCarry } from "./kept-carry.ts";
import type { RegionBase } from "./region.ts";
import { RegionBuilder } from "./region-builder.ts";
import { RegisterLocals } from "./register-locals.ts";
import type { RegionCallees } from "./write-region.ts";

/**
 * Writes one instruction as the first of a block, into a function of REGION_TYPE that is never run: to see what it is made of.
 * Gives the number of WebAssembly instructions.
 */
export function writeInstruction(
  code: FunctionBuilder,
  instruction: RegionInstruction,
  page: RegionBase,
  callees: RegionCallees,
): number {
  const context = code.param(0, "i32");
  const { selection } = instruction;
  const registers = new RegisterLocals(code, context, selection.isX87 ? new Map() : undefined);
  const pool = new LocalPool(code);
  const flags = new FlagLocals({ code, context, pool }, callees.flagFunctions, keepsCarry(instruction));
  let count = 0;
  code.block((miss) => {
    const frame = {
      ...{ code, context, page, registers, flags, pool, routine: callees.routine },
      tlb: code.local("i32"),
      tlbMask: code.local("i32"),
      furtherElements: { further: i32.const(0), count: () => undefined },
      leaveIf: (condition: Parameters<FunctionBuilder["brIf"]>[1]) => code.brIf(miss, condition),
      leave: () => code.br(miss),
      goTo: () => code.br(miss),
      goToRip: () => code.br(miss),
    };
    const before = code.instructions;
    SEMANTICS[selection.shape.mnemonic]?.write(
      new RegionBuilder(frame, instruction, { known: undefined, isCarryDead: false }),
    );
    count = code.instructions - before;
  });
  return count;
}
