import { ERRNO, KVM_EXIT, KVM_INTERNAL_ERROR, KVM_MEM } from "@likex/kvm-abi";
import { describe, expect, it } from "vitest";
import { bytes, Machine } from "./machine.ts";

const registers = { rax: 0x11223344n, rcx: 3n, rsi: 0x2000n, rdi: 0x3000n, rsp: 0x800n };
const machineFor = (hex: string): Machine => new Machine(bytes(hex), { registers, at: 0x1000 });
const answer = (machine: Machine, ...data: number[]): void => {
  for (const [index, byte] of data.entries()) machine.run.mmio.data[index] = byte;
};

describe("device memory on /dev/kvm", () => {
  it("hands a write over with RIP past the instruction", () => {
    const machine = machineFor("66 a3 00 90 f4");
    expect(machine.step()).toBe(KVM_EXIT.MMIO);
    expect(machine.describe()).toEqual({ mmio: "write", at: 0x9000n, data: [0x44, 0x33, 0x22, 0x11] });
    expect(machine.regs().rip).toBe(0x1004n);
    expect(machine.step()).toBe(KVM_EXIT.HLT);
  });

  it("completes a read at the next run", () => {
    const machine = machineFor("a1 00 90 f4");
    expect(machine.step()).toBe(KVM_EXIT.MMIO);
    expect(machine.describe()).toEqual({ mmio: "read", at: 0x9000n, data: 2 });
    expect(machine.regs().rip).toBe(0x1000n);
    answer(machine, 0xcd, 0xab);
    expect(machine.step()).toBe(KVM_EXIT.HLT);
    expect(machine.regs()).toMatchObject({ rip: 0x1004n, rax: 0x1122abcdn });
  });

  it("asks again where the VMM has sent the guest to another read meanwhile", () => {
    // mov eax,[9000h]; hlt; mov al,[9000h]; mov bl,[9001h]; hlt
    const machine = machineFor("66 a1 00 90 f4 a0 00 90 8a 1e 01 90 f4");
    expect(machine.step()).toBe(KVM_EXIT.MMIO);
    answer(machine, 1, 2, 3, 4);
    machine.setRegs({ rip: 0x1005n, rax: 0n, rflags: 2n });
    expect(machine.step()).toBe(KVM_EXIT.MMIO);
    expect(machine.describe()).toEqual({ mmio: "read", at: 0x9000n, data: 1 });
    answer(machine, 5);
    expect(machine.step()).toBe(KVM_EXIT.MMIO);
    expect(machine.describe()).toEqual({ mmio: "read", at: 0x9001n, data: 1 });
    answer(machine, 6);
    expect(machine.step()).toBe(KVM_EXIT.HLT);
    expect(machine.regs()).toMatchObject({ rax: 5n, rbx: 6n });
  });

  it("reads, then writes for a read-modify-write", () => {
    const machine = machineFor("00 06 00 90 f4");
    machine.step();
    expect(machine.describe()).toEqual({ mmio: "read", at: 0x9000n, data: 1 });
    answer(machine, 0x10);
    machine.step();
    expect(machine.describe()).toEqual({ mmio: "write", at: 0x9000n, data: [0x54] });
    expect(machine.regs().rip).toBe(0x1004n);
    expect(machine.step()).toBe(KVM_EXIT.HLT);
  });

  it("copies device memory to device memory with REP MOVSW, one element at a time", () => {
    const machine = machineFor("be 00 90 bf 00 a0 f3 a5 f4");
    for (let index = 0; index < 3; index++) {
      machine.step();
      expect(machine.describe()).toEqual({ mmio: "read", at: 0x9000n + BigInt(2 * index), data: 2 });
      answer(machine, index, 0x40 + index);
      machine.step();
      expect(machine.describe()).toEqual({
        mmio: "write",
        at: 0xa000n + BigInt(2 * index),
        data: [index, 0x40 + index],
      });
    }
    expect(machine.step()).toBe(KVM_EXIT.HLT);
    expect(machine.regs()).toMatchObject({ rip: 0x1009n, rcx: 0n, rsi: 0x9006n, rdi: 0xa006n });
  });

  it("leaves RIP at REP STOSB until it is met with CX 0", () => {
    const machine = machineFor("bf 00 90 f3 aa f4");
    for (let left = 2; left >= 0; left--) {
      expect(machine.step()).toBe(KVM_EXIT.MMIO);
      expect(machine.describe()).toEqual({ mmio: "write", at: 0x9002n - BigInt(left), data: [0x44] });
      expect(machine.regs()).toMatchObject({ rip: 0x1003n, rcx: BigInt(left), rflags: 0x10002n });
    }
    expect(machine.step()).toBe(KVM_EXIT.HLT);
    expect(machine.regs()).toMatchObject({ rip: 0x1006n, rcx: 0n, rdi: 0x9003n, rflags: 2n });
  });

  it("hands over a push to a stack in device memory", () => {
    const machine = machineFor("bc 02 90 50 f4");
    machine.step();
    expect(machine.describe()).toEqual({ mmio: "write", at: 0x9000n, data: [0x44, 0x33] });
    expect(machine.regs()).toMatchObject({ rip: 0x1004n, rsp: 0x9000n });
    expect(machine.step()).toBe(KVM_EXIT.HLT);
  });

  it("splits a write at a page border into two exits", () => {
    const machine = machineFor("66 a3 fe 9f f4");
    machine.step();
    expect(machine.describe()).toEqual({ mmio: "write", at: 0x9ffen, data: [0x44, 0x33] });
    machine.step();
    expect(machine.describe()).toEqual({ mmio: "write", at: 0xa000n, data: [0x22, 0x11] });
    expect(machine.step()).toBe(KVM_EXIT.HLT);
  });

  it("completes a read before it obeys immediate_exit", () => {
    const machine = machineFor("a0 00 90 f4");
    machine.step();
    answer(machine, 0x77);
    machine.run.immediate_exit = 1;
    expect(machine.step()).toBe(-ERRNO.EINTR);
    expect(machine.regs()).toMatchObject({ rip: 0x1003n, rax: 0x11223377n });
  });

  it("treats a write to a read-only slot as device memory, and reads it as memory", () => {
    const machine = machineFor("a2 00 80 a0 01 80 f4");
    machine.memory.write(0x8000, Uint8Array.from([0x66, 0x99]));
    const userspace_addr = machine.memory.address + 0x8000n;
    const region = { slot: 1, flags: KVM_MEM.READONLY, guest_phys_addr: 0x8000n, memory_size: 0x1000n, userspace_addr };
    expect(machine.region(region)).toBe(0);
    machine.step();
    expect(machine.describe()).toEqual({ mmio: "write", at: 0x8000n, data: [0x44] });
    expect(machine.step()).toBe(KVM_EXIT.HLT);
    expect(machine.regs().rax).toBe(0x11223399n);
    expect([...machine.memory.read(0x8000, 2)]).toEqual([0x66, 0x99]);
  });

  it("reports code outside memory as an emulation error", () => {
    const machine = machineFor("e9 fd 7f");
    expect(machine.step()).toBe(KVM_EXIT.INTERNAL_ERROR);
    expect(machine.run.internal).toMatchObject({ suberror: KVM_INTERNAL_ERROR.EMULATION, ndata: 6 });
    expect(machine.regs().rip).toBe(0x9000n);
  });

  it("answers EFAULT for a slot whose user address is not mapped", () => {
    const machine = machineFor("a0 00 80 f4");
    const region = { slot: 1, guest_phys_addr: 0x8000n, memory_size: 0x1000n, userspace_addr: 0x10000n };
    expect(machine.region(region)).toBe(0);
    expect(machine.step()).toBe(-ERRNO.EFAULT);
  });
});

describe("device memory on /dev/rust_kvm", () => {
  it("is reported with its address and direction, the instruction left to the VMM", () => {
    const machine = new Machine(bytes("a1 00 90 f4"), { personality: "rust_kvm", at: 0x1000 });
    expect(machine.step()).toBe(KVM_EXIT.MMIO);
    expect(machine.run.mmio).toMatchObject({ phys_addr: 0x9000n, len: 0, is_write: 0 });
    expect(machine.regs().rip).toBe(0x1000n);
    machine.setRegs({ rip: 0x1003n, rax: 0xabcdn, rflags: 2n });
    expect(machine.step()).toBe(KVM_EXIT.HLT);
    expect(machine.regs().rax).toBe(0xabcdn);
  });

  it("OUTS from device memory is an internal error with the instruction's bytes", () => {
    // mov si,0x8000; outsb; hlt
    const code = [0xbe, 0x00, 0x80, 0x6e, 0xf4];
    const machine = new Machine(code, { personality: "kvm", at: 0x1000 });
    expect(machine.step()).toBe(KVM_EXIT.INTERNAL_ERROR);
    const { internal } = machine.run;
    expect(internal).toMatchObject({ suberror: KVM_INTERNAL_ERROR.EMULATION, ndata: 8 });
    expect(internal.data[0]).toBe(1n);
    // Size 15, then the bytes from OUTSB on.
    expect(internal.data[1]! & 0xffffffn).toBe(0xf46e0fn);
  });
});
