import { Cpu, type CpuOptions } from "../../src/index.ts";
import { createJit } from "../../src/jit/index.ts";

/** A back end of the instruction semantics, as the tests see it that every back end must pass. */
export interface BackEnd {
  readonly name: string;
  readonly createCpu: (options: CpuOptions) => Cpu;
}

export const INTERPRETER: BackEnd = { name: "interpreter", createCpu: (options) => Cpu.create(options) };

/** Every block is compiled when it is first entered. */
const REGIONS: BackEnd = {
  name: "regions",
  createCpu: (options) => Cpu.create({ ...options, jit: createJit({ threshold: 1, batch: 1, shortest: 1, delay: 0 }) }),
};

/** Those tests run once for each row. */
export const BACK_ENDS: readonly BackEnd[] = [INTERPRETER, REGIONS];
