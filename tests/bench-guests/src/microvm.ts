import { EmulatedKvm, type EmulatedKvmOptions } from "@likex/kvm";
import { MicroVm, type RunResult } from "@likex/vmm-runner";

const MEMORY = 128 << 20;
const ARENA = 192 << 20;
const DEBUG_EXIT_PORT = 0xf4;

/** Told of each line that the guest prints, without its end, as it comes. */
export type LineListener = (line: string, instructions: number) => void;

export interface GuestRun {
  /** A multiboot image, and the `n` of its command line. */
  readonly image: Uint8Array;
  readonly n: number;
  readonly onLine: LineListener;
  /** The compiler of hot code; without it the guest is interpreted. */
  readonly jit?: EmulatedKvmOptions["jit"] | undefined;
  /** Instructions without an exit after which a guest that runs away ends. Default: never. */
  readonly instructionLimit?: number;
  /** Called when the guest has ended, while its machine still exists. */
  readonly onEnd?: (kvm: EmulatedKvm) => void;
}

/** Runs a guest as `likex boot` does. */
export function runInMicroVm({ image, n, onLine, jit, instructionLimit, onEnd }: GuestRun): RunResult {
  const kvm = EmulatedKvm.create({
    memoryBytes: ARENA,
    ...(instructionLimit === undefined ? {} : { instructionsPerRun: instructionLimit }),
    ...(jit === undefined ? {} : { jit }),
  });
  let line = "";
  const vm = MicroVm.create(kvm, {
    image: { format: "multiboot", bytes: image, commandLine: `n=${n}` },
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
    const result = vm.run();
    onEnd?.(kvm);
    return result;
  } finally {
    vm.dispose();
    kvm.dispose();
  }
}
