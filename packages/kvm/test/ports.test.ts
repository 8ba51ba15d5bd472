import { ERRNO, KVM_EXIT } from "@likex/kvm-abi";
import { describe, expect, it } from "vitest";
import { bytes, Machine, type PersonalityName } from "./machine.ts";

const registers = { rax: 0x11223344n, rcx: 5n, rdx: 0x3f8n, rsi: 0x2000n, rdi: 0x3000n };

describe.each<PersonalityName>(["kvm", "rust_kvm"])("port access on %s", (personality) => {
  const machineFor = (hex: string): Machine => new Machine(bytes(hex), { personality, registers, at: 0x1000 });

  it.each([
    ["out dx,al", "ee f4", 1, [0x44]],
    ["out dx,ax", "ef f4", 2, [0x44, 0x33]],
    ["out dx,eax", "66 ef f4", 4, [0x44, 0x33, 0x22, 0x11]],
  ])("%s hands the data over with RIP past the instruction", (_name, hex, size, data) => {
    const machine = machineFor(hex);
    machine.step();
    expect(machine.describe()).toEqual({ io: "out", size, port: 0x3f8, count: 1, data });
    expect(machine.regs().rip).toBe(0x1000n + BigInt(hex.split(" ").length - 1));
    expect(machine.step()).toBe(KVM_EXIT.HLT);
  });

  it.each([
    ["in al,dx", "ec f4", 1, 0x112233aan],
    ["in ax,dx", "ed f4", 2, 0x1122bbaan],
    ["in eax,dx", "66 ed f4", 4, 0xddccbbaan],
    ["in al,60h", "e4 60 f4", 1, 0x112233aan],
  ])("%s stays at the instruction and completes at the next run", (_name, hex, size, rax) => {
    const machine = machineFor(hex);
    expect(machine.step()).toBe(KVM_EXIT.IO);
    expect(machine.run.io).toMatchObject({ direction: 0, size, count: 1, port: hex.startsWith("e4") ? 0x60 : 0x3f8 });
    expect(machine.regs().rip).toBe(0x1000n);
    machine.ioData.set([0xaa, 0xbb, 0xcc, 0xdd].slice(0, size));
    expect(machine.step()).toBe(KVM_EXIT.HLT);
    expect(machine.regs().rax).toBe(rax);
  });

  it("completes an IN before it obeys immediate_exit", () => {
    const machine = machineFor("ec f4");
    machine.step();
    machine.ioData[0] = 0x5a;
    machine.run.immediate_exit = 1;
    expect(machine.step()).toBe(-ERRNO.EINTR);
    expect(machine.run.exit_reason).toBe(KVM_EXIT.IO);
    expect(machine.regs()).toMatchObject({ rip: 0x1001n, rax: 0x1122335an });
    machine.run.immediate_exit = 0;
    expect(machine.step()).toBe(KVM_EXIT.HLT);
  });

  it("drops an IN whose instruction the VMM has left", () => {
    const machine = machineFor("ec f4");
    machine.step();
    machine.ioData[0] = 0x5a;
    machine.setRegs({ rip: 0x1001n, rflags: 2n });
    expect(machine.step()).toBe(KVM_EXIT.HLT);
    expect(machine.regs()).toMatchObject({ rip: 0x1002n, rax: 0n });
  });

  it("sends REP OUTSB element by element", () => {
    const machine = machineFor("f3 6e f4");
    machine.memory.write(0x2000, Uint8Array.from([1, 2, 3, 4, 5]));
    for (let index = 1; index <= 5; index++) {
      expect(machine.step()).toBe(KVM_EXIT.IO);
      expect(machine.describe()).toEqual({ io: "out", size: 1, port: 0x3f8, count: 1, data: [index] });
      expect(machine.regs()).toMatchObject({
        rip: 0x1000n,
        rcx: BigInt(5 - index),
        rsi: 0x2000n + BigInt(index),
        rflags: 0x10002n,
      });
    }
    expect(machine.step()).toBe(KVM_EXIT.HLT);
    expect(machine.regs()).toMatchObject({ rip: 0x1003n, rcx: 0n, rflags: 2n });
  });

  it("takes REP INSW in one exit with a count", () => {
    const machine = machineFor("f3 6d f4");
    expect(machine.step()).toBe(KVM_EXIT.IO);
    expect(machine.run.io).toMatchObject({ direction: 0, size: 2, count: 5 });
    expect(machine.regs()).toMatchObject({ rip: 0x1000n, rcx: 5n, rdi: 0x3000n });
    machine.ioData.set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(machine.step()).toBe(KVM_EXIT.HLT);
    expect(machine.regs()).toMatchObject({ rip: 0x1003n, rcx: 0n, rdi: 0x300an });
    expect([...machine.memory.read(0x3000, 11)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0]);
  });

  it("splits REP INSB at the end of the page", () => {
    const machine = new Machine(bytes("f3 6c f4"), {
      personality,
      at: 0x1000,
      registers: { ...registers, rdi: 0x2ffen },
    });
    expect(machine.step()).toBe(KVM_EXIT.IO);
    expect(machine.run.io.count).toBe(2);
    machine.ioData.set([1, 2]);
    expect(machine.step()).toBe(KVM_EXIT.IO);
    expect(machine.run.io.count).toBe(3);
    machine.ioData.set([3, 4, 5]);
    expect(machine.step()).toBe(KVM_EXIT.HLT);
    expect([...machine.memory.read(0x2ffe, 5)]).toEqual([1, 2, 3, 4, 5]);
  });

  it("does nothing for REP OUTSB with CX 0", () => {
    const machine = machineFor("31 c9 f3 6e f4");
    expect(machine.step()).toBe(KVM_EXIT.HLT);
    expect(machine.regs().rsi).toBe(0x2000n);
  });

  it("moves backwards when the direction flag is set", () => {
    const machine = machineFor("fd 6f f4");
    machine.memory.write(0x2000, Uint8Array.from([7, 8]));
    machine.step();
    expect(machine.describe()).toEqual({ io: "out", size: 2, port: 0x3f8, count: 1, data: [7, 8] });
    expect(machine.regs()).toMatchObject({ rip: 0x1002n, rsi: 0x1ffen, rcx: 5n });
  });
});
