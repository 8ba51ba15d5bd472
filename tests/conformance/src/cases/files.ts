import { program } from "../programs.ts";
import type { Case, Step } from "../steps.ts";
import { machine, memory, runs, slot, system, vcpu, vm } from "./set-up.ts";

const REQUESTS = [
  "KVM_GET_API_VERSION",
  "KVM_CREATE_VM",
  "KVM_GET_VCPU_MMAP_SIZE",
  "KVM_CREATE_VCPU",
  "KVM_SET_USER_MEMORY_REGION",
  "KVM_RUN",
  "KVM_GET_REGS",
  "KVM_SET_REGS",
  "KVM_GET_SREGS",
  "KVM_SET_SREGS",
] as const;

/** Requests of each kind of file, for a file that lacks them. */
const OF_SYSTEM = ["KVM_GET_API_VERSION", "KVM_CREATE_VM", "KVM_GET_VCPU_MMAP_SIZE"] as const;
const OF_VM = ["KVM_CREATE_VCPU", "KVM_SET_USER_MEMORY_REGION"] as const;
const OF_VCPU = ["KVM_RUN", "KVM_GET_REGS", "KVM_SET_REGS", "KVM_GET_SREGS", "KVM_SET_SREGS"] as const;

const UNKNOWN = [0xaeff, 0x5401, 0, 0xffff_ffff, 0x8090_ae99] as const;

const hex = (value: number): string => `0x${value.toString(16)}`;

const asked = (fd: string, requests: readonly ((typeof REQUESTS)[number] | number)[]): readonly Step[] =>
  requests.map((request) => ({
    do: "ioctl",
    fd,
    request,
    argument: 0,
    ask: typeof request === "number" ? hex(request) : request,
  }));

/** The three kinds of file, and what each refuses. */
export const FILE_CASES: readonly Case[] = [
  {
    name: "open: a path that is no device",
    steps: [{ do: "open", path: "/dev/no-such-kvm", as: "x", ask: "open" }],
  },
  {
    name: "system file: requests with and without an argument",
    steps: [
      ...system,
      { do: "ioctl", fd: "system", request: "KVM_GET_API_VERSION", ask: "api version" },
      { do: "ioctl", fd: "system", request: "KVM_GET_API_VERSION", argument: 1, ask: "api version of 1" },
      { do: "ioctl", fd: "system", request: "KVM_GET_VCPU_MMAP_SIZE", ask: "mmap size" },
      { do: "ioctl", fd: "system", request: "KVM_GET_VCPU_MMAP_SIZE", argument: 1, ask: "mmap size of 1" },
      { do: "ioctl", fd: "system", request: "KVM_CREATE_VM", as: "a", ask: "VM of type 0" },
      { do: "ioctl", fd: "system", request: "KVM_CREATE_VM", argument: 0x1234, as: "b", ask: "VM of type 0x1234" },
      { do: "ioctl", fd: "system", request: "KVM_CREATE_VM", argument: -1, as: "b", ask: "VM of type -1" },
      { do: "ioctl", fd: "system", request: "KVM_CREATE_VM", as: "c", ask: "a second VM" },
    ],
  },
  {
    name: "system file: unknown requests and those of other files",
    steps: [...system, ...asked("system", [...OF_VM, ...OF_VCPU, ...UNKNOWN])],
  },
  {
    name: "VM file: unknown requests and those of other files",
    steps: [...vm, ...asked("vm", [...OF_SYSTEM, ...OF_VCPU, ...UNKNOWN])],
  },
  {
    name: "vCPU file: unknown requests and those of other files",
    steps: [...vm, ...vcpu(), ...asked("vcpu", [...OF_SYSTEM, ...OF_VM, ...UNKNOWN])],
  },
  {
    name: "mmap: of each kind of file",
    steps: [
      ...vm,
      ...vcpu(),
      { do: "mmap", fd: "system", length: 0x1000, as: "a", ask: "system" },
      { do: "mmap", fd: "vm", length: 0x1000, as: "b", ask: "VM" },
      { do: "mmap", fd: "vcpu", length: 0x1000, as: "c", ask: "vCPU, one page" },
      { do: "mmap", fd: "vcpu", length: 0x8000, as: "d", ask: "vCPU, more pages than it has" },
      { do: "mmap", fd: "vcpu", length: 0, as: "e", ask: "vCPU, nothing" },
      { do: "mmap", fd: 9999, length: 0x1000, as: "f", ask: "no file" },
      { do: "mmap", fd: -1, length: 0, as: "g", ask: "anonymous, nothing" },
    ],
  },
  {
    name: "closed and unopened descriptors",
    steps: [
      ...vm,
      { do: "close", fd: "vm", ask: "close" },
      { do: "close", fd: "vm", ask: "close again" },
      { do: "ioctl", fd: "vm", request: "KVM_CREATE_VCPU", as: "x", ask: "request on a closed file" },
      { do: "mmap", fd: "vm", length: 0x1000, as: "y", ask: "mmap of a closed file" },
      { do: "ioctl", fd: 9999, request: "KVM_GET_API_VERSION", ask: "request on no file" },
      { do: "ioctl", fd: -1, request: "KVM_GET_API_VERSION", ask: "request on -1" },
      { do: "close", fd: 9999, ask: "close no file" },
      { do: "close", fd: -1, ask: "close -1" },
    ],
  },
  {
    name: "a vCPU runs after the files above it are closed",
    steps: [
      ...machine(program("seed"), { rax: 2, rbx: 2 }),
      { do: "close", fd: "system" },
      { do: "close", fd: "vm" },
      ...runs("first", "second", "third"),
    ],
  },
  {
    name: "a vCPU's mapping outlives its file",
    steps: [
      ...machine(program("seed"), { rax: 2, rbx: 2 }),
      ...runs("first"),
      { do: "close", fd: "vcpu" },
      { do: "read", mapping: "vcpu page", at: 8, length: 4, ask: "exit reason" },
    ],
  },
  {
    name: "vCPU ids",
    steps: [
      ...vm,
      ...([0, 0, 1, 4095, 4096, -1, "0x100000000"] as const).map(
        (argument, index): Step => ({
          do: "ioctl",
          fd: "vm",
          request: "KVM_CREATE_VCPU",
          argument,
          as: `vcpu ${index}`,
          ask: `${index}: id ${argument}`,
        }),
      ),
      { do: "close", fd: "vcpu 2" },
      {
        do: "ioctl",
        fd: "vm",
        request: "KVM_CREATE_VCPU",
        argument: 1,
        as: "again",
        ask: "id 1 after its file closed",
      },
    ],
  },
  {
    name: "two VMs do not share memory slots",
    steps: [
      ...vm,
      memory("ram", 0x1000),
      slot("ram", { size: 0x1000 }),
      { do: "ioctl", fd: "system", request: "KVM_CREATE_VM", as: "other" },
      {
        do: "region",
        vm: "other",
        region: { size: 0x1000, memory: { mapping: "ram", offset: 0 } },
        ask: "same slot in another VM",
      },
    ],
  },
];
