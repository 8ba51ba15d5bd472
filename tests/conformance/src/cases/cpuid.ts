import { program } from "../programs.ts";
import type { Case, CpuidFields, Step } from "../steps.ts";
import { machine, vcpu, vm } from "./set-up.ts";

const set = (table: readonly CpuidFields[], ask: string, nent?: number): Step => ({
  do: "setCpuid",
  table,
  ask,
  ...(nent === undefined ? {} : { nent }),
});

const get = (ask: string, nent = 40): Step => ({ do: "getCpuid", nent, ask });

/** Executes CPUID once more, with EAX and ECX. */
const query = (leaf: number, subleaf = 0): readonly Step[] => [
  { do: "registers", set: { rip: 0, rax: leaf, rcx: subleaf, rbx: 0xbb, rdx: 0xdd } },
  { do: "run", ask: `${leaf.toString(16)}:${subleaf}` },
];

const SIGNIFICANT = 1;
const INTEL = { ebx: 0x756e6547, edx: 0x49656e69, ecx: 0x6c65746e };
const AMD = { ebx: 0x68747541, edx: 0x69746e65, ecx: 0x444d4163 };
/** FPU, and APIC: KVM sets the latter whatever the table says. */
const FEATURES = 0x201;

const values = (first: number): Omit<CpuidFields, "function"> => ({
  eax: first,
  ebx: first + 1,
  ecx: first + 2,
  edx: first + 3,
});

const tableOf = (vendor: Omit<CpuidFields, "function">): readonly CpuidFields[] => [
  { function: 0, eax: 0x1f, ...vendor },
  { function: 1, eax: 0x600, ebx: 0x01020304, ecx: 0x04000000, edx: FEATURES },
  { function: 4, index: 0, flags: SIGNIFICANT, ...values(0x40) },
  { function: 4, index: 1, flags: SIGNIFICANT, ...values(0x50) },
  { function: 5, index: 3, ...values(0x60) },
  { function: 5, index: 4, ...values(0x70) },
  { function: 0xb, index: 0, flags: SIGNIFICANT, ...values(0x80) },
  { function: 0xb, index: 1, flags: SIGNIFICANT, ...values(0x90) },
  { function: 0x1f, index: 0, flags: SIGNIFICANT, ...values(0xa0) },
  { function: 0x1f, index: 2, flags: SIGNIFICANT, ...values(0xb0) },
  { function: 0x40000000, ...values(0x40000001) },
  { function: 0x80000000, ...values(0x80000008) },
  { function: 0x80000001, ...values(0xc0) },
  { function: 0x80000008, eax: 0x3027, ebx: 1, ecx: 2, edx: 3 },
];

const LEAVES: readonly (readonly [leaf: number, subleaf?: number])[] = [
  ...[0, 1, 2, 5, 0xe, 0x1e].map((leaf) => [leaf] as const),
  ...[0, 1, 2].map((subleaf) => [4, subleaf] as const),
  ...[4, 7].map((subleaf) => [5, subleaf] as const),
  ...[0, 1, 5, 0x105].map((subleaf) => [0xb, subleaf] as const),
  ...[0, 1, 2].map((subleaf) => [0x1f, subleaf] as const),
  ...[0, 1, 2].map((subleaf) => [0x20, subleaf] as const),
  ...[0x3fffffff, 0x40000000, 0x40000001, 0x40000002, 0x400000ff, 0x40000100, 0x4fffffff, 0x50000000].map(
    (leaf) => [leaf] as const,
  ),
  ...[0x7fffffff, 0x80000000, 0x80000001, 0x80000002, 0x80000008, 0x80000009, 0xbfffffff].map(
    (leaf) => [leaf] as const,
  ),
  ...[0xc0000000, 0xc0000001, 0xffffffff].map((leaf) => [leaf] as const),
];

const width = (linear: number): readonly CpuidFields[] => [
  { function: 0x80000000, eax: 0x80000008 },
  { function: 0x80000008, eax: (linear << 8) | 40 },
];

const onVcpu = (...steps: readonly Step[]): readonly Step[] => [...vm, ...vcpu(), ...steps];
const cr4 = (value: number, ask: string): Step => ({ do: "specialRegisters", set: { cr4: value }, ask });
const cr3 = (value: `0x${string}`, ask: string): Step => ({
  do: "specialRegisters",
  set: { cr0: 0x80000001, cr4: 0x20, efer: 0x500, cr3: value },
  ask,
});

/** KVM_GET_SUPPORTED_CPUID, KVM_SET_CPUID2, KVM_GET_CPUID2, and what a guest's CPUID then gives. */
export const CPUID_CASES: readonly Case[] = [
  {
    name: "cpuid: room for what is supported",
    steps: [...vm, ...[0, 1, 256, 300].map((nent): Step => ({ do: "supportedCpuid", nent, ask: `${nent}` }))],
  },
  {
    name: "cpuid: bad pointers",
    steps: [
      ...vm,
      ...vcpu(),
      { do: "ioctl", fd: "system", request: "KVM_GET_SUPPORTED_CPUID", argument: 8, ask: "supported" },
      { do: "ioctl", fd: "vcpu", request: "KVM_SET_CPUID2", argument: 8, ask: "set" },
      { do: "ioctl", fd: "vcpu", request: "KVM_GET_CPUID2", argument: 8, ask: "get" },
      { do: "ioctl", fd: "vm", request: "KVM_GET_SUPPORTED_CPUID", argument: 8, ask: "supported on the VM" },
      { do: "ioctl", fd: "system", request: "KVM_SET_CPUID2", argument: 8, ask: "set on the system" },
    ],
  },
  {
    name: "cpuid: sizes",
    steps: onVcpu(
      get("none set", 0),
      set([], "no entry"),
      set(tableOf(INTEL), "one too many", 257),
      set(tableOf(INTEL), "set"),
      get("no room", 0),
      get("too little room", 13),
      get("enough", 14),
      set(tableOf(INTEL).slice(0, 2), "set to less"),
      get("less"),
    ),
  },
  {
    name: "cpuid: width of linear addresses",
    steps: onVcpu(...[0, 40, 47, 48, 57, 64].map((linear) => set(width(linear), `${linear}`))),
  },
  {
    name: "cpuid: a table after the first run",
    steps: [
      ...machine(program("cpuid-again")),
      set(tableOf(INTEL), "set"),
      ...query(0),
      set(tableOf(INTEL), "the same"),
      set(tableOf(INTEL).slice(1), "less"),
      set([], "none"),
      set(tableOf(AMD), "another vendor"),
      get("get"),
    ],
  },
  {
    name: "cpuid: leaves and subleaves",
    steps: [
      ...machine(program("cpuid-again")),
      set(tableOf(INTEL), "set"),
      ...LEAVES.flatMap(([leaf, subleaf]) => query(leaf, subleaf)),
    ],
  },
  {
    name: "cpuid: leaves and subleaves of another vendor",
    steps: [
      ...machine(program("cpuid-again")),
      set(tableOf(AMD), "set"),
      ...LEAVES.flatMap(([leaf, subleaf]) => query(leaf, subleaf)),
    ],
  },
  {
    name: "cpuid: OSXSAVE follows CR4",
    steps: [
      ...machine(program("cpuid-again")),
      set(tableOf(INTEL), "set"),
      cr4(0x40000, "on"),
      ...query(1),
      get("get on"),
      cr4(0, "off"),
      get("get off"),
    ],
  },
  {
    name: "cpuid: no APIC in the table",
    steps: onVcpu(set([{ function: 0, eax: 1, ...INTEL }, { function: 1 }], "set"), get("get")),
  },
  {
    name: "cpuid: control registers under a table",
    steps: onVcpu(
      set(tableOf(INTEL), "set"),
      ...[0x800, 0x10000, 0x40000, 0x100000, 0x200000, 0x400000].map((bit) => cr4(bit, `cr4 ${bit.toString(16)}`)),
      cr3("0x7000000000", "cr3 of 39 bits"),
      cr3("0x8000000000", "cr3 of 40 bits"),
    ),
  },
];
