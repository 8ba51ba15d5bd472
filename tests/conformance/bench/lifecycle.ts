// Creating, running and destroying a VM; port exits; memory of idle VMs: ours, and beside it the machine's own KVM.
import { EmulatedKvm } from "@likex/kvm";
import { Kvm, type KvmDriver, type UserMapping, type Vcpu, type Vm } from "@likex/kvm-client";
import { HostKvm } from "@likex/kvm-host";
import { fromHex } from "../src/json.ts";
import { program } from "../src/programs.ts";
import { heapBytes, kernelAndOwnBytes, median, type Result, report } from "./measure.ts";

const LIFECYCLES = 2000;
const IO_BATCHES = 20;
const IO_EXITS = 10_000;
const IDLE_VMS = 1000;
const MEMORY_ROUNDS = 3;
const PAGE = 4096;
/** out dx, al; jmp back. */
const OUT_LOOP = "eeebfd";

const SEED = fromHex(program("seed"));

interface Machine {
  readonly vm: Vm;
  readonly vcpu: Vcpu;
  readonly memory: UserMapping;
}

function createMachine(kvm: Kvm, code: Uint8Array): Machine {
  const vm = kvm.createVm();
  const memory = vm.mapMemory(PAGE);
  memory.write(0, code);
  vm.setUserMemoryRegion({ slot: 0, guestPhysAddr: 0, memorySize: PAGE, userspaceAddr: memory.address });
  const vcpu = vm.createVcpu(0);
  const sregs = vcpu.getSregs();
  sregs.cs.base = 0n;
  sregs.cs.selector = 0;
  vcpu.setSregs(sregs);
  vcpu.setRegs({ ...vcpu.getRegs(), rip: 0n, rax: 2n, rbx: 2n, rflags: 2n });
  return { vm, vcpu, memory };
}

/** Runs the seed's program and gives what it printed before its HLT. */
function runSeed({ vcpu }: Machine): string {
  let printed = "";
  for (let exits = 0; exits < 10; exits++) {
    const exit = vcpu.run();
    if (exit.reason !== "io") return exit.reason === "hlt" ? printed : `${printed}, then ${exit.reason}`;
    printed += String.fromCharCode(exit.data[0] ?? 0);
  }
  return `${printed}, and no end`;
}

function destroy({ vm, vcpu, memory }: Machine): void {
  vcpu.close();
  vm.close();
  memory.unmap();
}

/** Median microseconds of create, run and destroy. */
function createRunDestroy(kvm: Kvm, count: number): number {
  const times: number[] = [];
  for (let round = 0; round < count; round++) {
    const start = performance.now();
    const machine = createMachine(kvm, SEED);
    const printed = runSeed(machine);
    destroy(machine);
    times.push(performance.now() - start);
    if (printed !== "4\n") throw new Error(`the seed's program printed ${JSON.stringify(printed)}`);
  }
  return median(times) * 1000;
}

/** Median nanoseconds from one OUT's exit to the next, data read. */
function ioExit(kvm: Kvm): number {
  const machine = createMachine(kvm, fromHex(OUT_LOOP));
  const times: number[] = [];
  let data = 0;
  for (let batch = 0; batch < IO_BATCHES; batch++) {
    const start = performance.now();
    for (let count = 0; count < IO_EXITS; count++) {
      const exit = machine.vcpu.run();
      if (exit.reason !== "io") throw new Error(`the loop ended with ${exit.reason}`);
      data += exit.data[0] ?? 0;
    }
    times.push(performance.now() - start);
  }
  if (data !== 2 * IO_BATCHES * IO_EXITS) throw new Error("the loop wrote other data");
  destroy(machine);
  return (median(times) / IO_EXITS) * 1e6;
}

/** Bytes that each of many halted VMs takes, as `used` counts them. */
function idleMemory(kvm: Kvm, used: () => number): number {
  const before = used();
  const machines = Array.from({ length: IDLE_VMS }, () => {
    const machine = createMachine(kvm, SEED);
    runSeed(machine);
    return machine;
  });
  const after = used();
  for (const machine of machines) destroy(machine);
  return (after - before) / IDLE_VMS;
}

interface Figures {
  readonly microseconds: number;
  readonly nanoseconds: number;
  readonly bytes: number;
}

function measure(driver: KvmDriver, used: () => number): Figures {
  const kvm = Kvm.open(driver);
  createRunDestroy(kvm, 200);
  const microseconds = createRunDestroy(kvm, LIFECYCLES);
  const nanoseconds = ioExit(kvm);
  const bytes = median(Array.from({ length: MEMORY_ROUNDS }, () => idleMemory(kvm, used)));
  kvm.close();
  return { microseconds, nanoseconds, bytes };
}

const emulated = EmulatedKvm.create({ memoryBytes: 1 << 28 });
const ours = measure(emulated, () => emulated.hostMemory.framesInUse * PAGE + heapBytes());
emulated.dispose();

const { available, reason } = HostKvm.availability();
const theirs = available ? measure(HostKvm.create(), kernelAndOwnBytes) : undefined;

const results: Result[] = [
  { name: "create-run-destroy", value: ours.microseconds, unit: "us", theirs: theirs?.microseconds },
  { name: "io-exit", value: 1e9 / ours.nanoseconds, unit: "exits/s", theirs: theirs && 1e9 / theirs.nanoseconds },
  { name: "idle-vm-memory", value: ours.bytes, unit: "bytes", theirs: theirs?.bytes },
];
report("lifecycle", results, available ? [] : [`compared with nothing: ${reason}`], process.argv.includes("--json"));
