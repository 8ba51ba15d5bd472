/**
 * Programs that start a machine and print what it took, as text for `node -e`: they find the packages from the directory in
 * which they run.
 */

/** CPU and wall milliseconds of a step. */
export interface Cost {
  readonly cpu: number;
  readonly wall: number;
}

/** What a program prints: steps by name, "total" among them. */
export type Costs = Readonly<Record<string, Cost>>;

/** Processor time and the clock begin with the process. Processor time is that of all threads: engines compile on threads of their own. */
const STOPWATCH = `
const now = () => {
  const { user, system } = process.cpuUsage();
  return { cpu: (user + system) / 1000, wall: performance.now() };
};
const since = (a, b) => ({ cpu: b.cpu - a.cpu, wall: b.wall - a.wall });
const PROCESS = { cpu: 0, wall: 0 };
`;

/** A flat image: mov al, 1; out 0x80, al; hlt. The write to the port is the first thing that is seen of the guest. */
const START = `
const kvm = EmulatedKvm.create({ memoryBytes: 16 << 20 });
const vm = MicroVm.create(kvm, { image: { bytes: Uint8Array.of(0xb0, 1, 0xe6, 0x80, 0xf4) } });
const created = now();
const { reason } = vm.run();
const end = now();
if (reason !== "hlt") throw new Error("the guest ended with " + reason);
`;

const startOf = (imports: string): string => `${STOPWATCH}
const start = now();
${imports}
const imported = now();
${START}
console.log(JSON.stringify({
  import: since(start, imported), create: since(imported, created), run: since(created, end), total: since(start, end),
  process: since(PROCESS, end),
}));
`;

export const PACKAGES_PROGRAM: string = startOf(`const { EmulatedKvm } = await import("@likex/kvm");
const { MicroVm } = await import("@likex/vmm-runner");`);

export const MICROVM_PROGRAM: string = startOf(`const { EmulatedKvm, MicroVm } = await import("@likex/microvm");`);

/** The same from scripts and V8's code caches, which an earlier run of it writes when it is given an argument. */
export const CACHED_PROGRAM: string = `${startOf(`const { CachedMicrovm } = await import("@likex/microvm/cached");
const cached = new CachedMicrovm();
const { EmulatedKvm, MicroVm } = cached.api;`)}
if (process.argv.length > 1) cached.writeCaches();
else if (!cached.isCached) throw new Error("there is no code cache");
`;

/** For `node --build-snapshot`: a program that has imported all it needs when the process begins. */
export const SNAPSHOT_PROGRAM = `
import { startupSnapshot } from "node:v8";
import { EmulatedKvm, MicroVm } from "@likex/microvm";
startupSnapshot.setDeserializeMainFunction(() => {
  ${STOPWATCH}
  const imported = now();
  ${START}
  console.log(JSON.stringify({
    create: since(imported, created), run: since(created, end), process: since(PROCESS, end),
  }));
});
`;

/** A second machine of a process that has had one: with its own hypervisor, and in the same one. */
export const AGAIN_PROGRAM = `${STOPWATCH}
const { EmulatedKvm, MicroVm } = await import("@likex/microvm");
const image = { bytes: Uint8Array.of(0xb0, 1, 0xe6, 0x80, 0xf4) };
const createKvm = () => EmulatedKvm.create({ memoryBytes: 16 << 20 });
const runOne = (kvm) => {
  const vm = MicroVm.create(kvm, { image });
  vm.run();
  vm.dispose();
};
const first = createKvm();
runOne(first);
const start = now();
runOne(first);
const same = now();
runOne(createKvm());
console.log(JSON.stringify({ "same-kvm": since(start, same), total: since(same, now()) }));
`;

/** A multiboot image by address (its header says where it goes): mov al, '!'; mov dx, 0x3f8; out dx, al; hlt. */
export const V86_PROGRAM = `${STOPWATCH}
const start = now();
const { V86 } = await import("v86");
const imported = now();
const at = 0x100000;
const words = [0x1badb002, 0x10000, -(0x1badb002 + 0x10000) >>> 0, at, at, at + 64, at + 64, at + 32];
const image = new Uint8Array(64);
new Uint32Array(image.buffer, 0, words.length).set(words);
image.set([0xb0, 0x21, 0x66, 0xba, 0xf8, 0x03, 0xee, 0xf4], 32);
const emulator = new V86({
  wasm_path: new URL("v86.wasm", import.meta.resolve("v86")).pathname,
  multiboot: { buffer: image.buffer },
  memory_size: 16 << 20,
  autostart: true,
  log_level: 0,
});
emulator.add_listener("serial0-output-byte", () => {
  const end = now();
  const costs = JSON.stringify({ import: since(start, imported), total: since(start, end) });
  process.stdout.write(costs + "\\n", () => process.exit());
});
`;

/** Nothing: what a process of Node takes by itself. */
export const NODE_PROGRAM = `${STOPWATCH}
console.log(JSON.stringify({ process: since(PROCESS, now()) }));
`;
