import { bytesOf, ERRNO, KVM_EXIT, KVM_INTERNAL_ERROR, KVM_IOCTL } from "@likex/kvm-abi";
import { describe, expect, it } from "vitest";
import { EmulatedKvm, InvalidOptionError } from "../src/index.ts";
import { bytes, Machine, type PersonalityName } from "./machine.ts";

const { KVM_SET_SREGS } = KVM_IOCTL;

describe.each<PersonalityName>(["kvm", "rust_kvm"])("exits of %s", (personality) => {
  const machineFor = (hex: string, options: object = {}): Machine =>
    new Machine(bytes(hex), { personality, ...options });

  it("halts with RIP past the HLT, and goes on after it", () => {
    const machine = machineFor("f4 f4");
    expect(machine.step()).toBe(KVM_EXIT.HLT);
    expect(machine.regs().rip).toBe(1n);
    expect(machine.step()).toBe(KVM_EXIT.HLT);
    expect(machine.regs().rip).toBe(2n);
  });

  it("reports the interrupt flag after STI and HLT", () => {
    const machine = machineFor("fb f4");
    machine.step();
    expect(machine.run).toMatchObject({ if_flag: 1, ready_for_interrupt_injection: 1 });
  });

  it("returns EINTR at once with immediate_exit, before any instruction", () => {
    const machine = machineFor("eb fe");
    machine.run.immediate_exit = 1;
    expect(machine.step()).toBe(-ERRNO.EINTR);
    expect(machine.run.exit_reason).toBe(0);
    expect(machine.regs().rip).toBe(0n);
  });

  it("interrupts an infinite loop after instructionsPerRun", () => {
    // again: inc ax; jmp again
    const machine = machineFor("40 eb fd", { instructionsPerRun: 1000 });
    expect(machine.step()).toBe(-ERRNO.EINTR);
    expect(machine.run.exit_reason).toBe(KVM_EXIT.INTR);
    expect(machine.regs().rax).toBe(500n);
    expect(machine.step()).toBe(-ERRNO.EINTR);
    expect(machine.regs().rax).toBe(1000n);
  });

  it("interrupts a guest that only faults after as many events, in a few entries", () => {
    // div cx with CX 0, and a vector 0 that leads to it again: no instruction is ever executed.
    let entries = 0;
    const trace = ({ type }: { readonly type: string }): void => {
      if (type === "vmentry") entries++;
    };
    const machine = machineFor("f7 f1", { at: 0x1000, registers: { rsp: 0x3f00n }, instructionsPerRun: 1000, trace });
    machine.memory.write(0, Uint8Array.of(0, 0x10, 0, 0));
    expect(machine.step()).toBe(-ERRNO.EINTR);
    // And those that the hypervisor injected once more, behind EPT violations of their delivery.
    const events = (0x3f00 - Number(machine.regs().rsp)) / 6;
    expect(events - 1000).toBeLessThan(10);
    expect(events).toBeGreaterThanOrEqual(1000);
    expect(entries).toBeLessThan(20);
  });

  it("shuts down on a triple fault", () => {
    const machine = machineFor("cc");
    const sregs = machine.sregs();
    sregs.idt.limit = 0;
    machine.kvm.ioctl(machine.vcpu, KVM_SET_SREGS, bytesOf(sregs));
    expect(machine.step()).toBe(KVM_EXIT.SHUTDOWN);
  });

  it("fails the entry when the guest state is not valid, with the exit reason", () => {
    const machine = machineFor("f4");
    machine.setRegs({ rip: 0n, rflags: 0xffff_ffff_ffff_ffffn });
    expect(machine.step()).toBe(KVM_EXIT.FAIL_ENTRY);
    expect(machine.run.fail_entry.hardware_entry_failure_reason).toBe(0x80000021n);
    machine.setRegs({ rip: 0n, rflags: 2n });
    expect(machine.step()).toBe(KVM_EXIT.HLT);
  });

  it("switches to protected mode and back to memory through CR0", () => {
    // mov eax,cr0; or al,1; mov cr0,eax; mov eax,cr0; hlt
    const machine = machineFor("0f 20 c0 0c 01 0f 22 c0 0f 20 c0 f4");
    expect(machine.step()).toBe(KVM_EXIT.HLT);
    expect(machine.regs().rax).toBe(0x60000011n);
    expect(machine.sregs().cr0).toBe(0x60000011n);
  });
});

describe("CPUID", () => {
  const program = bytes("b8 00 00 0f a2 f4");

  it("reads zeros on /dev/kvm as long as no table is set", () => {
    const machine = new Machine(program, { registers: { rbx: 1n, rcx: 2n, rdx: 3n } });
    expect(machine.step()).toBe(KVM_EXIT.HLT);
    expect(machine.regs()).toMatchObject({ rax: 0n, rbx: 0n, rcx: 0n, rdx: 0n });
  });

  it("is the processor's on /dev/rust_kvm, and never an exit to the VMM", () => {
    const machine = new Machine(program, { personality: "rust_kvm" });
    expect(machine.step()).toBe(KVM_EXIT.HLT);
    const { rax, rbx, rdx, rcx } = machine.regs();
    expect(rax).toBe(0xdn);
    const vendor = [rbx, rdx, rcx].map((part) => String.fromCharCode(...bytesOfRegister(part))).join("");
    expect(vendor).toBe("GenuineIntel");
  });
});

const bytesOfRegister = (value: bigint): number[] =>
  [0n, 8n, 16n, 24n].map((shift) => Number((value >> shift) & 0xffn));

describe("exceptions", () => {
  it("go to the guest on /dev/kvm", () => {
    // at 0: ud2; vector 6 at 0:3000
    const machine = new Machine(bytes("0f 0b"), { at: 0x1000, registers: { rsp: 0x2000n } });
    machine.memory.write(6 * 4, Uint8Array.from([0x00, 0x30, 0, 0]));
    machine.memory.write(0x3000, Uint8Array.from([0xf4]));
    expect(machine.step()).toBe(KVM_EXIT.HLT);
    expect(machine.regs()).toMatchObject({ rip: 0x3001n, rsp: 0x1ffan });
  });

  it("stop /dev/rust_kvm when it intercepts them", () => {
    const machine = new Machine(bytes("0f 0b"), { personality: "rust_kvm" });
    expect(machine.step()).toBe(KVM_EXIT.INTERNAL_ERROR);
    expect(machine.run.internal.suberror).toBe(KVM_INTERNAL_ERROR.EMULATION);
    expect(machine.regs().rip).toBe(0n);
  });

  it("that need a stack in device memory are a delivery error", () => {
    const machine = new Machine(bytes("0f 0b"), { at: 0x1000, registers: { rsp: 0x9000n } });
    expect(machine.step()).toBe(KVM_EXIT.INTERNAL_ERROR);
    expect(machine.run.internal).toMatchObject({ suberror: KVM_INTERNAL_ERROR.DELIVERY_EV, ndata: 4 });
    expect(machine.run.internal.data[0]).toBe(0x80000306n);
  });

  it("are raised by an MSR that there is not", () => {
    // mov ecx,0deadbeefh; rdmsr; vector 13 at 0:3000
    const machine = new Machine(bytes("66 b9 ef be ad de 0f 32"), { at: 0x1000, registers: { rsp: 0x2000n } });
    machine.memory.write(13 * 4, Uint8Array.from([0x00, 0x30, 0, 0]));
    machine.memory.write(0x3000, Uint8Array.from([0xf4]));
    expect(machine.step()).toBe(KVM_EXIT.HLT);
    expect(machine.regs().rip).toBe(0x3001n);
    expect([...machine.memory.read(0x1ffa, 2)]).toEqual([0x06, 0x10]);
  });
});

describe("two VMs on one processor", () => {
  it("keep their registers and memory apart when they take turns", () => {
    // again: inc ax; out 1,al; jmp again
    const program = bytes("40 e6 01 eb fb");
    const first = new Machine(program, { registers: { rax: 10n, rsp: 0x111n } });
    const second = first.sibling(program, { rax: 50n, rsp: 0x222n });
    for (let turn = 1; turn <= 3; turn++) {
      first.step();
      second.step();
      expect([...first.ioData, ...second.ioData]).toEqual([10 + turn, 50 + turn]);
    }
    expect(first.regs()).toMatchObject({ rax: 13n, rsp: 0x111n });
    expect(second.regs()).toMatchObject({ rax: 53n, rsp: 0x222n });
  });
});

describe("EmulatedKvm.create", () => {
  it("refuses an instruction limit below 1", () => {
    expect(() => EmulatedKvm.create({ instructionsPerRun: 0 })).toThrow(InvalidOptionError);
  });
});
