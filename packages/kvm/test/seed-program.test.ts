import { KVM_EXIT } from "@likex/kvm-abi";
import { describe, expect, it } from "vitest";
import { Machine, type PersonalityName, SEED } from "./machine.ts";

describe.each<PersonalityName>(["kvm", "rust_kvm"])("the seed's program on %s", (personality) => {
  it("sends '4' and a newline to port 3f8 and halts", () => {
    const machine = new Machine(SEED, { personality, registers: { rax: 2n, rbx: 2n } });
    expect(machine.step()).toBe(KVM_EXIT.IO);
    expect(machine.describe()).toEqual({ io: "out", size: 1, port: 0x3f8, count: 1, data: [0x34] });
    expect(machine.regs().rip).toBe(8n);
    expect(machine.step()).toBe(KVM_EXIT.IO);
    expect(machine.describe()).toEqual({ io: "out", size: 1, port: 0x3f8, count: 1, data: [0x0a] });
    expect(machine.regs().rip).toBe(0xbn);
    expect(machine.step()).toBe(KVM_EXIT.HLT);
    expect(machine.regs()).toMatchObject({ rip: 0xcn, rax: 10n, rbx: 2n, rdx: 0x3f8n });
  });

  it("places the port data inside the mapped area", () => {
    const machine = new Machine(SEED, { personality, registers: { rax: 2n, rbx: 2n } });
    machine.step();
    expect(Number(machine.run.io.data_offset)).toBe(personality === "kvm" ? 4096 : 3072);
  });

  it("leaves the read-only fields of kvm_run as Linux does", () => {
    const machine = new Machine(SEED, { personality });
    machine.step();
    expect(machine.run).toMatchObject({
      if_flag: 0,
      ready_for_interrupt_injection: 0,
      cr8: 0n,
      apic_base: 0xfee00900n,
    });
  });
});
