import { EmulatedKvm } from "@likex/kvm";
import { MicroVm, type RunResult } from "@likex/vmm-runner";

const MEMORY = 128 << 20;
const ARENA = 192 << 20;
const DEBUG_EXIT_PORT = 0xf4;

/** Told of each line that the guest prints, without its end, as it comes. */
export type LineListener = (line: string, instructions: number) => void;

/** Runs a multiboot image as `likex boot` does. A guest that runs away ends after `instructionLimit` without an exit. */
export function runInMicroVm(
  bytes: Uint8Array,
  n: number,
  onLine: LineListener,
  instructionLimit: number = Number.POSITIVE_INFINITY,
): RunResult {
  const kvm = EmulatedKvm.create({ memoryBytes: ARENA, instructionsPerRun: instructionLimit });
  let line = "";
  const vm = MicroVm.create(kvm, {
    image: { format: "multiboot", bytes, commandLine: `n=${n}` },
    memory: [{ slot: 0, guestAddress: 0, size: MEMORY }],
    console: "serial",
    debugExitPort: DEBUG_EXIT_PORT,
    onOutput: ([byte = 0]) => {
      if (byte !== 0x0a) line += String.fromCharCode(byte);
      else {
        onLine(line, kvm.instructionsRetired);
        line = "";
      }
    },
  });
  try {
    return vm.run();
  } finally {
    vm.dispose();
    kvm.dispose();
  }
}
