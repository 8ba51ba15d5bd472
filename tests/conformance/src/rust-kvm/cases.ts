import { program } from "../programs.ts";
import type { Case, Fields, Step } from "../steps.ts";

const PAGE = 0x1000;

/** `/dev/rust_kvm` is one file for all: the steps call it by the name of the layer that they mean. */
const open: readonly Step[] = [{ do: "open", path: "/dev/rust_kvm", as: "vcpu" }];
const createVm: Step = { do: "ioctl", fd: "vcpu", request: "KVM_CREATE_VM" };
const createVcpu: Step = { do: "ioctl", fd: "vcpu", request: "KVM_CREATE_VCPU" };
const runPage: Step = { do: "mmap", fd: "vcpu", length: PAGE, as: "vcpu page" };

const region = (ask: string, gpa: number, size: number, offset = 0): Step => ({
  do: "region",
  vm: "vcpu",
  region: { gpa, size, memory: { mapping: "ram", offset } },
  ask,
});

const ask = (request: (Step & { do: "ioctl" })["request"], argument = 0, name = String(request)): Step => ({
  do: "ioctl",
  fd: "vcpu",
  request,
  argument,
  ask: name,
});

const machine = (code: string, registers: Fields = {}): readonly Step[] => [
  ...open,
  createVm,
  { do: "mmap", fd: -1, length: PAGE, as: "ram" },
  { do: "write", mapping: "ram", at: 0, hex: code },
  { do: "region", vm: "vcpu", region: { size: PAGE, memory: { mapping: "ram", offset: 0 } } },
  createVcpu,
  runPage,
  { do: "specialRegisters", set: { cs: { base: 0, selector: 0 } } },
  { do: "registers", set: { rip: 0, rflags: 2, ...registers } },
];

const runs = (...names: string[]): readonly Step[] => names.map((name) => ({ do: "run", ask: name }));

const ALL = [
  "KVM_SET_USER_MEMORY_REGION",
  "KVM_CREATE_VCPU",
  "KVM_RUN",
  "KVM_GET_REGS",
  "KVM_SET_REGS",
  "KVM_GET_SREGS",
  "KVM_SET_SREGS",
] as const;

/** The suite for `/dev/rust_kvm`. */
export const RUST_KVM_CASES: readonly Case[] = [
  {
    name: "requests before there is a VM",
    steps: [...open, ...ALL.map((name) => ask(name)), { do: "mmap", fd: "vcpu", length: PAGE, as: "x", ask: "mmap" }],
  },
  {
    name: "requests before there is a vCPU",
    steps: [
      ...open,
      createVm,
      ...ALL.filter((name) => !name.includes("CREATE") && !name.includes("MEMORY")).map((name) => ask(name)),
    ],
  },
  {
    name: "requests that the device lacks",
    steps: [
      ...open,
      createVm,
      createVcpu,
      ...(["KVM_GET_API_VERSION", "KVM_CHECK_EXTENSION", "KVM_GET_VCPU_MMAP_SIZE", "KVM_SET_CPUID2"] as const).map(
        (name) => ask(name),
      ),
      ask(0xaeff, 0, "unknown"),
      ask(0x5401, 0, "not KVM's"),
    ],
  },
  {
    name: "creating",
    steps: [
      ...open,
      ask("KVM_CREATE_VM"),
      ask("KVM_CREATE_VCPU", 7, "KVM_CREATE_VCPU with an id, which is ignored"),
      { do: "mmap", fd: "vcpu", length: PAGE, as: "x", ask: "mmap" },
      ask("KVM_CREATE_VM", 0, "KVM_CREATE_VM again"),
      ask("KVM_CREATE_VCPU", 0, "KVM_CREATE_VCPU again"),
      { do: "open", path: "/dev/rust_kvm", as: "other", ask: "open again" },
      { do: "ioctl", fd: "other", request: "KVM_CREATE_VM", ask: "a VM in another file" },
      { do: "close", fd: "other" },
      { do: "open", path: "/dev/rust_kvm", as: "third", ask: "open after a close" },
      { do: "ioctl", fd: "third", request: "KVM_CREATE_VM", ask: "a VM after a close" },
    ],
  },
  {
    name: "memory regions",
    steps: [
      ...open,
      createVm,
      { do: "mmap", fd: -1, length: 4 * PAGE, as: "ram" },
      region("create", 0x10000, 2 * PAGE),
      region("unaligned address", 0x10800, 2 * PAGE),
      region("unaligned size", 0x10000, 0x1800),
      region("unaligned user address", 0x10000, 2 * PAGE, 1),
      {
        do: "region",
        vm: "vcpu",
        region: { slot: 1, gpa: 0x11000, size: PAGE, memory: { mapping: "ram", offset: 0 } },
        ask: "overlap",
      },
      region("delete", 0x10000, 0),
      region("delete again", 0x10000, 0),
      ask("KVM_SET_USER_MEMORY_REGION", 0x10, "bad pointer"),
    ],
  },
  {
    name: "the seed's program",
    steps: [...machine(program("seed"), { rax: 2, rbx: 2 }), ...runs("4", "newline", "hlt")],
  },
  {
    name: "IN",
    steps: [
      ...machine(program("in-sizes")),
      { do: "run", ask: "8" },
      { do: "provide", hex: "5a" },
      { do: "run", ask: "16" },
    ],
  },
  {
    name: "registers",
    steps: [
      ...machine(program("seed"), { rsp: 0x123456, r15: "0xfedcba9876543210" }),
      { do: "ioctl", fd: "vcpu", request: "KVM_GET_REGS", argument: { struct: "kvm_regs" }, ask: "get" },
      ask("KVM_GET_REGS", 0x10, "bad pointer, get"),
      ask("KVM_SET_REGS", 0x10, "bad pointer, set"),
      ask("KVM_GET_SREGS", 0x10, "bad pointer, get special"),
      ask("KVM_SET_SREGS", 0x10, "bad pointer, set special"),
    ],
  },
  {
    name: "device memory is reported, not emulated",
    steps: [...machine(program("mmio-read")), ...runs("read")],
  },
];
