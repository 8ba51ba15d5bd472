import type { AddressSpace, HostMemory, HostVirtualAddress } from "@likex/host-memory";
import { LARGEST_CPUID_BYTES } from "./cpuid-requests.ts";
import type { Personality } from "./personality.ts";
import { Processor, type ProcessorOptions } from "./processor.ts";
import type { TraceSink } from "./trace-events.ts";
import { UserPointer } from "./user-pointer.ts";
import type { Vm } from "./vm.ts";

export interface KernelOptions extends ProcessorOptions {
  readonly memory: HostMemory;
  readonly instructionsPerRun: number;
}

/** What all files of one driver share: host memory, the VMM's address space, the processors, the VMs. */
export class Kernel {
  readonly memory: HostMemory;
  /** The VMM's user space. */
  readonly space: AddressSpace;
  readonly pointer: UserPointer;
  readonly trace: TraceSink | undefined;
  /** Guest instructions after which KVM_RUN returns as if a signal had arrived. */
  readonly instructionsPerRun: number;
  readonly #jit: ProcessorOptions["jit"];
  readonly #processors = new Map<Personality, Processor>();
  readonly #vms = new Set<Vm>();
  readonly #removeNotifier: () => void;

  constructor(options: KernelOptions) {
    this.memory = options.memory;
    this.trace = options.trace;
    this.#jit = options.jit;
    this.instructionsPerRun = options.instructionsPerRun;
    this.space = options.memory.createAddressSpace();
    this.pointer = new UserPointer(this.space, LARGEST_CPUID_BYTES);
    this.#removeNotifier = this.space.addNotifier({
      invalidate: (start: HostVirtualAddress, end: HostVirtualAddress): void => {
        for (const vm of this.#vms) vm.invalidateUserRange(start, end);
      },
    });
  }

  /** The processor that a personality's hypervisor runs on, made at first use. */
  processor(personality: Personality): Processor {
    let processor = this.#processors.get(personality);
    if (processor === undefined) {
      processor = new Processor(this.memory, personality, { trace: this.trace, jit: this.#jit });
      this.#processors.set(personality, processor);
    }
    return processor;
  }

  /** Guest instructions executed on all processors. */
  get instructionsRetired(): number {
    let sum = 0;
    for (const { cpu } of this.#processors.values()) sum += cpu.instructionsRetired;
    return sum;
  }

  addVm(vm: Vm): void {
    this.#vms.add(vm);
  }

  removeVm(vm: Vm): void {
    this.#vms.delete(vm);
  }

  dispose(): void {
    for (const vm of this.#vms) vm.destroy();
    this.#removeNotifier();
    for (const processor of this.#processors.values()) processor.dispose();
    this.space.dispose();
  }
}
