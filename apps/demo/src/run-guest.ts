import { createJit, type RegionCompiler } from "@likex/cpu-executor/jit";
import { EmulatedKvm, type TraceEvent } from "@likex/kvm";
import { renderLog } from "@likex/kvm/trace";
import { MicroVm, type RegisterValues, type RunResult } from "@likex/vmm-runner";
import { describeVmExit } from "./exit-row.ts";
import type { ExitRow, RunReport, RunRequest } from "./protocol.ts";

const EXIT_LIMIT = 100_000;
/** Some seconds of an endless loop. */
const INSTRUCTION_LIMIT = 1_000_000_000;
const SHOWN = 2000;
const ARENA_BYTES = 16 << 20;

/** The first items, and a count of the others. */
class Shown<T> {
  readonly items: T[] = [];
  leftOut = 0;

  push(item: T): void {
    if (this.items.length < SHOWN) this.items.push(item);
    else this.leftOut += 1;
  }
}

/** Runs a program to its end. @throws what MicroVm.create throws for a request that cannot be run. */
export function runGuest({ bytes, loadAddress, memory, personality, registers }: RunRequest): RunReport {
  const exits = new Shown<ExitRow>();
  const trace = new Shown<string>();
  const jit = createJit();
  const kvm = EmulatedKvm.create({
    jit,
    memoryBytes: ARENA_BYTES,
    instructionsPerRun: INSTRUCTION_LIMIT,
    trace(event: TraceEvent) {
      if (event.type === "vmexit") exits.push(describeVmExit(event));
      for (const line of renderLog(event)) trace.push(line);
    },
  });
  const vm = MicroVm.create(kvm, {
    image: { bytes, loadAddress },
    personality,
    memory: [{ slot: 0, guestAddress: 0, size: memory }],
    registers: registers as RegisterValues,
  });
  const result = vm.run({ exitLimit: EXIT_LIMIT });
  const compiled = describeCompiled(jit, kvm);
  vm.dispose();
  return {
    halted: result.reason === "hlt",
    status: [describeStop(result), ...compiled].join(" "),
    output: new TextDecoder().decode(result.output),
    exits: exits.items,
    exitsLeftOut: exits.leftOut,
    trace: trace.items,
    traceLeftOut: trace.leftOut,
    registers: Object.entries(result.registers).map(([name, value]: [string, bigint]) => [name, value.toString(16)]),
  };
}

/** How much of the guest was compiled, if any. */
function describeCompiled(jit: RegionCompiler, kvm: EmulatedKvm): string[] {
  const { executed } = jit.statistics(kvm.hostMemory);
  if (executed === 0) return [];
  const total = kvm.instructionsRetired;
  return [`${Math.floor((100 * executed) / total)} % of ${total} instructions ran compiled.`];
}

function describeStop(result: RunResult): string {
  const at = `at 0x${result.rip.toString(16)}`;
  switch (result.reason) {
    case "hlt":
      return `The guest halted ${at}, after ${result.exits} exits to the VMM.`;
    case "shutdown":
      return `The guest shut down ${at}: triple fault.`;
    case "exitLimit":
      return `The guest made ${result.exits} exits without halting; it is ${at}.`;
    case "interrupted":
      return `The guest executed ${INSTRUCTION_LIMIT} instructions without an exit; it is ${at}.`;
    case "failEntry":
      return `The processor refused the guest's state (0x${result.hardwareEntryFailureReason.toString(16)}).`;
    case "internalError":
      return `KVM cannot go on with the guest ${at}: an undefined instruction, or one that it would have to emulate.`;
    case "deviceMemory":
      return `The guest accessed 0x${result.physAddr.toString(16)} ${at}, where there is no memory; /dev/kvm treats that as a device.`;
    default:
      return `The guest stopped ${at}: ${result.reason}.`;
  }
}
