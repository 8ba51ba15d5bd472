import {
  bytesOf,
  create,
  ERRNO,
  KVM_EXIT,
  KVM_IOCTL,
  kvm_regs,
  type kvm_sregs,
  kvm_sregs as sregsStruct,
} from "@likex/kvm-abi";
import { describe, expect, it } from "vitest";
import { EmulatedKvm } from "../src/index.ts";
import { bytes, Machine, SEED } from "./machine.ts";

const { KVM_SET_SREGS } = KVM_IOCTL;

describe("a new vCPU", () => {
  it("has the state after reset", () => {
    const kvm = EmulatedKvm.create({ memoryBytes: 4 << 20 });
    const vm = kvm.ioctl(kvm.open("/dev/kvm"), KVM_IOCTL.KVM_CREATE_VM, 0);
    const vcpu = kvm.ioctl(vm, KVM_IOCTL.KVM_CREATE_VCPU, 0);
    const regs = create(kvm_regs);
    const sregs = create(sregsStruct);
    kvm.ioctl(vcpu, KVM_IOCTL.KVM_GET_REGS, bytesOf(regs));
    kvm.ioctl(vcpu, KVM_IOCTL.KVM_GET_SREGS, bytesOf(sregs));
    expect(regs).toMatchObject({ rip: 0xfff0n, rflags: 2n, rdx: 0x600n, rax: 0n, rsp: 0n });
    expect(sregs).toMatchObject({ cr0: 0x60000010n, cr2: 0n, cr3: 0n, cr4: 0n, efer: 0n, apic_base: 0xfee00900n });
    expect(sregs.cs).toMatchObject({ base: 0xffff0000n, selector: 0xf000, limit: 0xffff, type: 11, s: 1, present: 1 });
    expect(sregs.ds).toMatchObject({ base: 0n, selector: 0, limit: 0xffff, type: 3, s: 1, present: 1 });
    expect(sregs.tr).toMatchObject({ type: 11, s: 0, present: 1 });
    expect(sregs.ldt).toMatchObject({ type: 2, s: 0, present: 1 });
    expect(sregs.gdt).toMatchObject({ base: 0n, limit: 0xffff });
    expect(sregs.idt).toMatchObject({ base: 0n, limit: 0xffff });
  });
});

describe("KVM_SET_REGS", () => {
  it("is what KVM_GET_REGS returns, RSP and the upper halves included", () => {
    const machine = new Machine(SEED);
    const names = [
      "rax",
      "rbx",
      "rcx",
      "rdx",
      "rsi",
      "rdi",
      "rsp",
      "rbp",
      "r8",
      "r9",
      "r10",
      "r11",
      "r12",
      "r13",
    ] as const;
    const values = Object.fromEntries(names.map((name, index) => [name, 0x1111_2222_0000_0000n + BigInt(index)]));
    machine.setRegs({ ...values, rip: 0x1_0000_0005n, rflags: 0x246n });
    expect(machine.regs()).toMatchObject({ ...values, rip: 0x1_0000_0005n, rflags: 0x246n });
  });

  it("always sets bit 1 of RFLAGS", () => {
    const machine = new Machine(SEED);
    machine.setRegs({ rflags: 0n });
    expect(machine.regs().rflags).toBe(2n);
  });
});

describe("KVM_SET_SREGS", () => {
  const set = (change: (sregs: kvm_sregs) => void): [number, kvm_sregs] => {
    const machine = new Machine(SEED);
    const sregs = machine.sregs();
    change(sregs);
    return [machine.kvm.ioctl(machine.vcpu, KVM_SET_SREGS, bytesOf(sregs)), machine.sregs()];
  };

  it("is what KVM_GET_SREGS returns", () => {
    const [result, sregs] = set((s) => {
      Object.assign(s.ds, { base: 0x12340n, selector: 0x1234, limit: 0xfffff, type: 3, dpl: 3, db: 1, g: 1, avl: 1 });
      Object.assign(s.ldt, { unusable: 1, present: 0 });
      Object.assign(s.gdt, { base: 0x5000n, limit: 0x27 });
      Object.assign(s, { cr0: 0x60000011n, cr2: 0x1234n, cr3: 0x5000n, cr4: 0x620n, cr8: 5n, efer: 0x800n });
    });
    expect(result).toBe(0);
    expect(sregs.ds).toMatchObject({ base: 0x12340n, selector: 0x1234, limit: 0xfffff, dpl: 3, db: 1, g: 1, avl: 1 });
    expect(sregs.ldt).toMatchObject({ unusable: 1, present: 0 });
    expect(sregs.gdt).toMatchObject({ base: 0x5000n, limit: 0x27 });
    expect(sregs).toMatchObject({ cr0: 0x60000011n, cr2: 0x1234n, cr3: 0x5000n, cr4: 0x620n, cr8: 5n, efer: 0x800n });
  });

  it.each<[string, (sregs: kvm_sregs) => void]>([
    ["CR4 bit 31", (s) => Object.assign(s, { cr4: 1n << 31n })],
    ["CR4.VMXE", (s) => Object.assign(s, { cr4: 1n << 13n })],
    ["EFER.LMA without paging", (s) => Object.assign(s, { efer: 1n << 10n })],
    ["LMA without PAE", (s) => Object.assign(s, { cr0: 0x80000011n, efer: 0x500n })],
    ["CR0.PG without PE", (s) => Object.assign(s, { cr0: 0x80000000n })],
    ["CR0.NW without CD", (s) => Object.assign(s, { cr0: 1n << 29n })],
    ["CR0 bit 32", (s) => Object.assign(s, { cr0: 1n << 32n })],
    ["CS.L outside long mode", (s) => Object.assign(s.cs, { l: 1 })],
    ["a reserved bit of the APIC base", (s) => Object.assign(s, { apic_base: 0xfee00901n })],
  ])("refuses %s with EINVAL and changes nothing", (_name, change) => {
    const [result, sregs] = set(change);
    expect(result).toBe(-ERRNO.EINVAL);
    expect(sregs).toMatchObject({ cr0: 0x60000010n, cr4: 0n, efer: 0n, apic_base: 0xfee00900n });
  });

  it("delivers the interrupt of its bitmap at the next run", () => {
    const machine = new Machine(bytes("f4"), { registers: { rsp: 0x2000n, rflags: 0x202n } });
    machine.memory.write(0x21 * 4, Uint8Array.from([0x00, 0x30, 0, 0]));
    machine.memory.write(0x3000, Uint8Array.from([0xf4]));
    const sregs = machine.sregs();
    sregs.interrupt_bitmap[0] = 1n << 0x21n;
    machine.kvm.ioctl(machine.vcpu, KVM_SET_SREGS, bytesOf(sregs));
    expect(machine.sregs().interrupt_bitmap[0]).toBe(1n << 0x21n);
    expect(machine.step()).toBe(KVM_EXIT.HLT);
    expect(machine.regs()).toMatchObject({ rip: 0x3001n, rsp: 0x1ffan });
    expect(machine.sregs().interrupt_bitmap[0]).toBe(0n);
  });
});
