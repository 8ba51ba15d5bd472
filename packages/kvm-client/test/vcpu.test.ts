import {
  create,
  ERRNO,
  KVM_EXIT,
  KVM_IOCTL,
  kvm_cpuid2,
  kvm_regs,
  kvm_run,
  kvm_sregs,
  toObject,
  view,
} from "@likex/kvm-abi";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { Kvm, KvmError, KvmUsageError, type Regs, type Sregs, type Vcpu } from "../src/index.ts";
import { FakeDriver } from "./fake-driver.ts";

let driver: FakeDriver;
let vcpu: Vcpu;
let run: kvm_run;
beforeEach(() => {
  driver = new FakeDriver();
  vcpu = Kvm.open(driver).createVm().createVcpu();
  run = view(kvm_run, driver.runPage);
});

const word = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

/** Makes a GET request answer with what the SET request was last given. */
function keep(set: number, get: number): void {
  let kept = new Uint8Array(0);
  driver.answers.set(set, (argument) => {
    kept = (argument as Uint8Array).slice();
    return 0;
  });
  driver.answers.set(get, (argument) => {
    (argument as Uint8Array).set(kept);
    return 0;
  });
}

describe("registers", () => {
  it("are read and written with every field, wherever kvm-abi says it lies", () => {
    keep(KVM_IOCTL.KVM_SET_REGS, KVM_IOCTL.KVM_GET_REGS);
    const names = Object.keys(toObject(create(kvm_regs))) as (keyof Regs)[];
    fc.assert(
      fc.property(fc.tuple(...names.map(() => word)), (values) => {
        const regs = Object.fromEntries(names.map((name, index) => [name, values[index]])) as unknown as Regs;
        vcpu.setRegs(regs);
        expect(vcpu.getRegs()).toEqual(regs);
      }),
    );
  });

  it("have the layout of kvm_regs and kvm_sregs", () => {
    driver.answers.set(KVM_IOCTL.KVM_GET_REGS, (argument) => {
      view(kvm_regs, argument as Uint8Array).rip = 0xfff0n;
      return 0;
    });
    driver.answers.set(KVM_IOCTL.KVM_GET_SREGS, (argument) => {
      const sregs = view(kvm_sregs, argument as Uint8Array);
      sregs.cs.base = 0xffff_0000n;
      sregs.idt.limit = 0xffff;
      sregs.interrupt_bitmap[3] = 1n;
      return 0;
    });
    expect(vcpu.getRegs().rip).toBe(0xfff0n);
    const sregs = vcpu.getSregs();
    expect([sregs.cs.base, sregs.idt.limit, sregs.interrupt_bitmap]).toEqual([0xffff_0000n, 0xffff, [0n, 0n, 0n, 1n]]);
  });

  it("keep all special registers through a write and a read", () => {
    keep(KVM_IOCTL.KVM_SET_SREGS, KVM_IOCTL.KVM_GET_SREGS);
    const segment = {
      base: 1n,
      limit: 2,
      selector: 3,
      type: 4,
      present: 1,
      dpl: 3,
      db: 1,
      s: 1,
      l: 1,
      g: 1,
      avl: 1,
      unusable: 1,
    };
    const seg = (selector: number): Sregs["cs"] => ({ ...segment, selector });
    const sregs: Sregs = {
      ...{ cs: seg(10), ds: seg(11), es: seg(12), fs: seg(13), gs: seg(14), ss: seg(15), tr: seg(16), ldt: seg(17) },
      gdt: { base: 18n, limit: 19 },
      idt: { base: 20n, limit: 21 },
      ...{ cr0: 22n, cr2: 23n, cr3: 24n, cr4: 25n, cr8: 26n, efer: 27n, apic_base: 28n },
      interrupt_bitmap: [29n, 30n, 31n, 32n],
    };
    vcpu.setSregs(sregs);
    expect(vcpu.getSregs()).toEqual(sregs);
  });
});

describe("run", () => {
  it("gives a live view of what the guest wrote to a port, and of what to fill for IN", () => {
    run.exit_reason = KVM_EXIT.IO;
    run.io.direction = 1;
    run.io.size = 2;
    run.io.port = 0x3f8;
    run.io.count = 3;
    run.io.data_offset = 4096n;
    driver.runPage.set([1, 2, 3, 4, 5, 6], 4096);
    const out = vcpu.run();
    expect(out).toEqual({
      reason: "io",
      direction: "out",
      port: 0x3f8,
      size: 2,
      count: 3,
      data: Uint8Array.of(1, 2, 3, 4, 5, 6),
    });
    run.io.direction = 0;
    const exit = vcpu.run();
    if (exit.reason !== "io") throw new Error("not a port exit");
    expect(exit.direction).toBe("in");
    exit.data[0] = 0x77;
    expect(driver.runPage[4096]).toBe(0x77);
  });

  it("describes each port exit, whatever the one before was", () => {
    const exit = fc.record({
      direction: fc.constantFrom(0, 1),
      size: fc.constantFrom(1, 2, 4),
      port: fc.constantFrom(0, 0x3f8, 0xffff),
      count: fc.constantFrom(1, 2, 17),
      offset: fc.constantFrom(4096, 4100),
    });
    for (let at = 0; at < 128; at++) driver.runPage[4096 + at] = at;
    fc.assert(
      fc.property(fc.array(exit, { minLength: 2, maxLength: 12 }), (exits) => {
        run.exit_reason = KVM_EXIT.IO;
        for (const { direction, size, port, count, offset } of exits) {
          Object.assign(run.io, { direction, size, port, count, data_offset: BigInt(offset) });
          expect(vcpu.run()).toEqual({
            ...{ reason: "io", direction: direction === 0 ? "in" : "out", port, size, count },
            data: driver.runPage.slice(offset, offset + size * count),
          });
        }
      }),
    );
  });

  it("has port data of a whole page", () => {
    run.exit_reason = KVM_EXIT.IO;
    run.io.size = 4;
    run.io.count = 1024;
    run.io.data_offset = 4096n;
    const exit = vcpu.run();
    expect(exit.reason === "io" && exit.data.length).toBe(4096);
  });

  it("gives the address, length and direction of an MMIO access", () => {
    run.exit_reason = KVM_EXIT.MMIO;
    run.mmio.phys_addr = 0xf_ffff_ffff_f000n;
    run.mmio.len = 4;
    run.mmio.is_write = 1;
    run.mmio.data.set([1, 2, 3, 4, 5]);
    expect(vcpu.run()).toEqual({
      reason: "mmio",
      physAddr: 0xf_ffff_ffff_f000,
      data: Uint8Array.of(1, 2, 3, 4),
      isWrite: true,
    });
  });

  it.each([
    [KVM_EXIT.HLT, { reason: "hlt" }],
    [KVM_EXIT.SHUTDOWN, { reason: "shutdown" }],
    [KVM_EXIT.INTR, { reason: "intr" }],
    [KVM_EXIT.IRQ_WINDOW_OPEN, { reason: "irqWindowOpen" }],
    [KVM_EXIT.HYPERCALL, { reason: "other", exitReason: KVM_EXIT.HYPERCALL }],
  ])("decodes exit reason %i", (reason, exit) => {
    run.exit_reason = reason;
    expect(vcpu.run()).toEqual(exit);
  });

  it("decodes the exits that carry words", () => {
    run.exit_reason = KVM_EXIT.FAIL_ENTRY;
    run.fail_entry.hardware_entry_failure_reason = 0x8000_0021n;
    expect(vcpu.run()).toEqual({ reason: "failEntry", hardwareEntryFailureReason: 0x8000_0021n });
    run.exit_reason = KVM_EXIT.UNKNOWN;
    expect(vcpu.run()).toEqual({ reason: "unknown", hardwareExitReason: 0x8000_0021n });
    run.exit_reason = KVM_EXIT.INTERNAL_ERROR;
    run.internal.suberror = 1;
    run.internal.ndata = 2;
    run.internal.data.set([7n, 8n]);
    expect(vcpu.run()).toEqual({ reason: "internalError", suberror: 1, data: [7n, 8n] });
    run.exit_reason = KVM_EXIT.SYSTEM_EVENT;
    run.system_event.type = 2;
    run.system_event.ndata = 1;
    expect(vcpu.run()).toEqual({ reason: "systemEvent", type: 2, data: [7n] });
    run.exit_reason = KVM_EXIT.IOAPIC_EOI;
    run.eoi.vector = 0x31;
    expect(vcpu.run()).toEqual({ reason: "ioapicEoi", vector: 0x31 });
    run.exit_reason = KVM_EXIT.DEBUG;
    run.debug.arch.exception = 1;
    run.debug.arch.pc = 2n;
    run.debug.arch.dr6 = 3n;
    run.debug.arch.dr7 = 4n;
    expect(vcpu.run()).toEqual({ reason: "debug", exception: 1, pc: 2n, dr6: 3n, dr7: 4n });
  });

  it("does not read more words than the structure has, whatever its count says", () => {
    run.exit_reason = KVM_EXIT.INTERNAL_ERROR;
    run.internal.ndata = 0xffff_ffff;
    const exit = vcpu.run();
    expect(exit.reason === "internalError" && exit.data.length).toBe(16);
  });

  it("takes EINTR for an exit and any other errno for an error", () => {
    driver.answers.set(KVM_IOCTL.KVM_RUN, -ERRNO.EINTR);
    expect(vcpu.run()).toEqual({ reason: "intr" });
    driver.answers.set(KVM_IOCTL.KVM_RUN, -ERRNO.EFAULT);
    expect(() => vcpu.run()).toThrow(KvmError);
    expect(() => vcpu.run()).toThrow(/KVM_RUN failed with EFAULT \(14\)/);
  });

  it("sets immediate_exit in the run page", () => {
    expect(vcpu.immediateExit).toBe(false);
    vcpu.immediateExit = true;
    expect(run.immediate_exit).toBe(1);
    expect(vcpu.runPage).toBe(driver.runPage);
  });
});

describe("CPUID tables", () => {
  const entry = { function: 7, index: 0, flags: 1, eax: 1, ebx: 0xffff_ffff, ecx: 3, edx: 4 };

  it("are sent with their entries and no more", () => {
    let sent = new Uint8Array(0);
    driver.answers.set(KVM_IOCTL.KVM_SET_CPUID2, (argument) => {
      sent = (argument as Uint8Array).slice();
      return 0;
    });
    vcpu.setCpuid([entry, { ...entry, index: 1 }]);
    expect(sent).toHaveLength(8 + 2 * 40);
    const table = view(kvm_cpuid2, sent);
    expect(table.nent).toBe(2);
    expect(table.entries[1]).toMatchObject({ ...entry, index: 1 });
  });

  it("are read whole, with room for as many entries as KVM has", () => {
    driver.answers.set(KVM_IOCTL.KVM_GET_CPUID2, (argument) => {
      const table = view(kvm_cpuid2, argument as Uint8Array);
      expect(table.nent).toBe(256);
      table.nent = 1;
      Object.assign(table.entries[0] as object, entry);
      return 0;
    });
    expect(vcpu.getCpuid()).toEqual([entry]);
  });

  it("of more than 256 entries are refused, and a refused one says what to do", () => {
    const most = new Array<typeof entry>(257).fill(entry);
    expect(() => vcpu.setCpuid(most)).toThrow(KvmUsageError);
    driver.answers.set(KVM_IOCTL.KVM_SET_CPUID2, -ERRNO.EINVAL);
    expect(() => vcpu.setCpuid([entry])).toThrow(/before the vCPU's first run/);
  });
});
