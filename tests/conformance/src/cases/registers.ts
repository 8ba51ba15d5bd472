import type { Case, Fields, Step, Word } from "../steps.ts";
import { memory, system, vcpu, vm } from "./set-up.ts";

const get = (request: "KVM_GET_REGS" | "KVM_GET_SREGS", ask: string): Step => ({
  do: "ioctl",
  fd: "vcpu",
  request,
  argument: { struct: request === "KVM_GET_REGS" ? "kvm_regs" : "kvm_sregs" },
  ask,
});

const registers = (ask: string, set: Fields): readonly Step[] => [
  { do: "registers", set, ask: `set: ${ask}` },
  get("KVM_GET_REGS", `get: ${ask}`),
];

/** Each special-register write starts from a new vCPU, so that what one leaves does not change the next. */
const special = (name: string, set: Fields): Case => ({
  name: `special registers: ${name}`,
  steps: [...vm, ...vcpu(), { do: "specialRegisters", set, ask: "set" }, get("KVM_GET_SREGS", "get")],
});

const segment = (selector: number): Fields => ({
  base: "0x123456789abcd000",
  limit: 0xfffff,
  selector,
  type: 3,
  present: 1,
  dpl: 1,
  db: 1,
  s: 1,
  l: 0,
  g: 1,
  avl: 1,
  unusable: 0,
});

const flatCode = (more: Fields): Fields => ({ base: 0, limit: 0xffffffff, type: 11, g: 1, s: 1, present: 1, ...more });

const PE = 1;
const PG = 0x8000_0001;
const PAE = 0x20;
const LME = 0x100;
const LMA = 0x500;

const pointers: readonly Word[] = [0, 0x10, "0xffff888000000000", "0xffffffffffffffff"];

/** Sets each bit of a 64-bit register alone, on one vCPU. */
const eachBit = (name: "cr0" | "cr4" | "efer" | "apic_base"): Case => ({
  name: `special registers: each bit of ${name}`,
  steps: [
    ...vm,
    ...vcpu(),
    ...Array.from({ length: 64 }, (_, bit): readonly Step[] => {
      const value: Word = `0x${(1n << BigInt(bit)).toString(16)}`;
      return [
        {
          do: "specialRegisters",
          set: { cr0: 0x6000_0010, cr4: 0, efer: 0, apic_base: 0xfee0_0900, [name]: value },
          ask: `bit ${bit}`,
        },
      ];
    }).flat(),
  ],
});

/** KVM_GET_REGS, KVM_SET_REGS, KVM_GET_SREGS and KVM_SET_SREGS. */
export const REGISTER_CASES: readonly Case[] = [
  {
    name: "registers of a new vCPU",
    steps: [...vm, ...vcpu(), get("KVM_GET_REGS", "regs"), get("KVM_GET_SREGS", "sregs")],
  },
  {
    name: "registers of a second vCPU",
    steps: [...vm, ...vcpu(0, "first"), ...vcpu(1), get("KVM_GET_REGS", "regs"), get("KVM_GET_SREGS", "sregs")],
  },
  {
    name: "registers keep what they are set to",
    steps: [
      ...vm,
      ...vcpu(),
      ...registers("all", {
        ...{ rax: "0x1111111111111111", rbx: "0x2222222222222222", rcx: "0x3333333333333333" },
        ...{ rdx: "0x4444444444444444", rsi: "0x5555555555555555", rdi: "0x6666666666666666" },
        ...{ rsp: "0x7777777777777777", rbp: "0x8888888888888888", r8: "0x9999999999999999" },
        ...{ r9: "0xaaaaaaaaaaaaaaaa", r10: "0xbbbbbbbbbbbbbbbb", r11: "0xcccccccccccccccc" },
        ...{ r12: "0xdddddddddddddddd", r13: "0xeeeeeeeeeeeeeeee", r14: "0xffffffffffffffff" },
        ...{ r15: "0x123456789abcdef0", rip: "0xfedcba9876543210", rflags: 0x246 },
      }),
      ...registers("rflags 0", { rflags: 0 }),
      ...registers("rflags with reserved bits", { rflags: "0xffffffffffffffff" }),
      ...registers("rflags with TF", { rflags: 0x102 }),
    ],
  },
  {
    name: "registers: bad pointers",
    steps: [
      ...vm,
      ...vcpu(),
      ...(["KVM_GET_REGS", "KVM_SET_REGS", "KVM_GET_SREGS", "KVM_SET_SREGS"] as const).flatMap((request) =>
        pointers.map(
          (argument): Step => ({
            do: "ioctl",
            fd: "vcpu",
            request,
            argument,
            ask: `${request} of ${argument}`,
          }),
        ),
      ),
    ],
  },
  {
    name: "registers: structures that lie in user memory",
    steps: [
      ...vm,
      ...vcpu(),
      memory("ram", 0x1000),
      { do: "registers", set: { rax: 0x1234, rip: 0x5678, rflags: 2 } },
      { do: "ioctl", fd: "vcpu", request: "KVM_GET_REGS", argument: { mapping: "ram", offset: 0xe01 }, ask: "get" },
      { do: "read", mapping: "ram", at: 0xe01, length: 144, ask: "bytes" },
      { do: "write", mapping: "ram", at: 0xe01, hex: "ff" },
      { do: "ioctl", fd: "vcpu", request: "KVM_SET_REGS", argument: { mapping: "ram", offset: 0xe01 }, ask: "set" },
      get("KVM_GET_REGS", "after"),
    ],
  },
  special("data segments", { ds: segment(0x11), es: segment(0x21), fs: segment(0x31), gs: segment(0x41) }),
  special("system segments", {
    tr: { base: 0x1000, limit: 0x67, selector: 0x50, type: 11, present: 1, s: 0 },
    ldt: { base: 0x2000, limit: 0x17, selector: 0x58, type: 2, present: 1, s: 0, unusable: 0 },
    gdt: { base: 0x3000, limit: 0x1234 },
    idt: { base: "0xfffff00000004000", limit: 0xfff },
  }),
  special("unusable segment", { es: { unusable: 1, present: 0, type: 0 } }),
  special("code and stack segments", {
    cs: { base: 0x5000, selector: 0x500, limit: 0xffff, type: 11 },
    ss: { base: 0x6000, selector: 0x600, limit: 0xffff, type: 3 },
  }),
  special("addresses", { cr2: "0x123456789abcdef0", cr3: 0x12345000, cr8: 5 }),
  special("cr8 too large", { cr8: 16 }),
  special("cr3 with low bits", { cr3: 0x12345fff }),
  special("cr0 without ET", { cr0: 0x6000_0000 }),
  special("cr0 with reserved bits", { cr0: 0x6ff8_ffd0 }),
  special("cr0 above 32 bits", { cr0: "0x160000010" }),
  special("cr0 with NW but not CD", { cr0: 0x2000_0010 }),
  special("cr0 with PG but not PE", { cr0: 0x8000_0000 }),
  special("cr0 with PE", { cr0: PE }),
  special("cr0 with WP, AM, NE, MP, TS", { cr0: 0x6005_003a }),
  special("cr4 with known bits", { cr4: 0x6b0 }),
  special("cr4 with VMXE", { cr4: 0x2000 }),
  special("cr4 with PCIDE outside long mode", { cr4: 0x2_0000 }),
  special("cr4 with a reserved bit", { cr4: 0x8000_0000 }),
  special("cr4 above 32 bits", { cr4: "0x1000000000" }),
  special("efer with SCE and NXE", { efer: 0x801 }),
  special("efer with a reserved bit", { efer: 2 }),
  special("efer with SVME", { efer: 0x1000 }),
  special("efer with LME alone", { efer: LME }),
  special("efer with LMA but not LME", { efer: 0x400 }),
  special("efer with LMA without paging", { efer: LMA }),
  special("paging with LMA but not PAE", { cr0: PG, efer: LMA }),
  special("paging with LME but not LMA", { cr0: PG, cr4: PAE, efer: LME }),
  special("long mode", { cr0: PG, cr4: PAE, efer: LMA, cr3: 0x1000, cs: flatCode({ l: 1, db: 0, selector: 8 }) }),
  special("long mode with L and D", { cr0: PG, cr4: PAE, efer: LMA, cs: flatCode({ l: 1, db: 1, selector: 8 }) }),
  special("long mode with a cr3 beyond the physical width", {
    cr0: PG,
    cr4: PAE,
    efer: LMA,
    cr3: "0xfff0000000001000",
    cs: flatCode({ l: 1, db: 0 }),
  }),
  special("long mode with a cr3 above 36 bits", {
    cr0: PG,
    cr4: PAE,
    efer: LMA,
    cr3: "0x1000001000",
    cs: flatCode({ l: 1, db: 0 }),
  }),
  special("32-bit paging", { cr0: PG, cr3: 0x1000, cs: flatCode({ db: 1 }) }),
  special("PAE paging", { cr0: PG, cr4: PAE, cr3: 0x1000, cs: flatCode({ db: 1 }) }),
  ...(["cr0", "cr4", "efer", "apic_base"] as const).map(eachBit),
  special("apic_base moved", { apic_base: 0xfee0_1900 }),
  special("apic_base disabled", { apic_base: 0xfee0_0100 }),
  special("apic_base with reserved bits", { apic_base: 0xfee0_0901 }),
  special("apic_base beyond the physical width", { apic_base: "0xfffffffee00900" }),
  special("a pending interrupt", { interrupt_bitmap: { 1: 2 } }),
  special("two pending interrupts", { interrupt_bitmap: { 0: "0x8000000000000000", 3: 1 } }),
  {
    name: "KVM_RUN with an argument",
    steps: [
      ...system,
      ...vm.slice(1),
      ...vcpu(),
      { do: "ioctl", fd: "vcpu", request: "KVM_RUN", argument: 1, ask: "argument 1" },
      { do: "ioctl", fd: "vcpu", request: "KVM_RUN", argument: "0x7f0000000000", ask: "a pointer" },
    ],
  },
];
