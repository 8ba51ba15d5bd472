import type { Fields, Region, Step } from "../steps.ts";

const PAGE = 0x1000;

/** The system's file. */
export const system: readonly Step[] = [{ do: "open", path: "/dev/kvm", as: "system" }];

/** The system's file and a VM's. */
export const vm: readonly Step[] = [...system, { do: "ioctl", fd: "system", request: "KVM_CREATE_VM", as: "vm" }];

/** Anonymous memory. */
export const memory = (name: string, length: number): Step => ({ do: "mmap", fd: -1, length, as: name });

/** A vCPU of the VM, and its run page. */
export const vcpu = (id = 0, name = "vcpu"): readonly Step[] => [
  { do: "ioctl", fd: "vm", request: "KVM_CREATE_VCPU", argument: id, as: name },
  { do: "mmap", fd: name, length: 3 * PAGE, as: `${name} page` },
];

/** A slot over the start of a mapping. */
export const slot = (mapping: string, region: Region): Step => ({
  do: "region",
  region: { ...region, memory: { mapping, offset: 0 } },
});

/** CS as a vCPU starts in real mode at linear address 0. */
export const realMode: Step = { do: "specialRegisters", set: { cs: { base: 0, selector: 0 } } };

/** A VM with `pages` pages of memory at 0 that begin with the program, and a vCPU in real mode at its start. */
export function machine(program: string, registers: Fields = {}, pages = 1): readonly Step[] {
  return [
    ...vm,
    memory("ram", pages * PAGE),
    { do: "write", mapping: "ram", at: 0, hex: program },
    slot("ram", { size: pages * PAGE }),
    ...vcpu(),
    realMode,
    { do: "registers", set: { rip: 0, rflags: 2, rdx: 0, ...registers } },
  ];
}

/** Runs once for each name. */
export const runs = (...names: string[]): readonly Step[] => names.map((ask) => ({ do: "run", ask }));

/** A run whose exit wants data, and the data. */
export const runAndProvide = (ask: string, hex: string): readonly Step[] => [
  { do: "run", ask },
  { do: "provide", hex },
];
