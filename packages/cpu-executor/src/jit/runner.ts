import { decodeBase64 } from "../base64.ts";
import { REGION_RUNNER } from "../generated/region-runner.ts";

/** What runs regions: their table, which this module alone uses, and the function that goes from one to the next. */
export interface RegionRunner {
  readonly run: (context: number, block: number) => number;
  readonly regions: WebAssembly.Table;
  /** What regions import as "shared": the functions of lazy flags. */
  readonly shared: WebAssembly.ModuleImports;
}

/** From the generated module: to write it takes 10 ms of a process that has written nothing yet (docs/decisions/0008-regions.md). */
export function createRunner(memory: WebAssembly.Memory): RegionRunner {
  const module = new WebAssembly.Module(decodeBase64(REGION_RUNNER));
  const { run, regions, ...shared } = new WebAssembly.Instance(module, { host: { memory } }).exports;
  return { run: run as RegionRunner["run"], regions: regions as WebAssembly.Table, shared };
}
