import { EmulatedKvm } from "@likex/kvm";
import { Kvm, type KvmDriver, type Segment, type Vcpu, type Vm } from "@likex/kvm-client";
import { entryOf, LOAD_ADDRESS } from "./programs.ts";

const MEMORY = 4 << 20;
const CONSOLE = 0xe9;
const EXIT = 0xf4;
const FLAT: Segment = {
  ...{ base: 0n, limit: 0xffffffff, selector: 16, type: 3, present: 1, dpl: 0 },
  ...{ db: 1, s: 1, l: 0, g: 1, avl: 0, unusable: 0 },
};

/** The same machine through KVM calls: a VM with 4 MiB, a console at port e9h and an end at port f4h. */
export class KvmMachine {
  readonly #vm: Vm;
  readonly #vcpu: Vcpu;
  output = "";
  exitCode = -1;

  constructor(driver: KvmDriver, image: Uint8Array) {
    const vm = Kvm.open(driver).createVm();
    const memory = vm.mapMemory(MEMORY);
    memory.write(LOAD_ADDRESS, image);
    vm.setUserMemoryRegion({ slot: 0, guestPhysAddr: 0, memorySize: MEMORY, userspaceAddr: memory.address });
    const vcpu = vm.createVcpu();
    const sregs = vcpu.getSregs();
    const code = { ...FLAT, selector: 8, type: 11 };
    vcpu.setSregs({
      ...sregs,
      ...{ cs: code, ds: FLAT, es: FLAT, fs: FLAT, gs: FLAT, ss: FLAT },
      cr0: 0x11n,
    });
    vcpu.setRegs({ ...vcpu.getRegs(), rip: BigInt(entryOf(image)), rflags: 2n });
    this.#vm = vm;
    this.#vcpu = vcpu;
  }

  static emulated(image: Uint8Array): KvmMachine {
    return new KvmMachine(EmulatedKvm.create({ memoryBytes: 16 << 20, instructionsPerRun: 10_000_000 }), image);
  }

  /** Runs until the program ends; the reason of the exit that ended it otherwise. */
  run(): string {
    while (this.exitCode < 0) {
      const exit = this.#vcpu.run();
      if (exit.reason !== "io") return `${exit.reason} at ${this.#vcpu.getRegs().rip.toString(16)}`;
      if (exit.direction === "in") exit.data.fill(0xff);
      else if (exit.port === CONSOLE) this.output += String.fromCharCode(...exit.data);
      else if (exit.port === EXIT) this.exitCode = exit.data[0] ?? 0;
    }
    return "end";
  }

  close(): void {
    this.#vcpu.close();
    this.#vm.close();
  }
}
