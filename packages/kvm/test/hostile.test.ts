import { ERRNO, KVM_EXIT, KVM_IOCTL } from "@likex/kvm-abi";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EmulatedKvm } from "../src/index.ts";
import { Machine, type PersonalityName } from "./machine.ts";

const EXITS: readonly number[] = [
  KVM_EXIT.IO,
  KVM_EXIT.MMIO,
  KVM_EXIT.HLT,
  KVM_EXIT.SHUTDOWN,
  KVM_EXIT.FAIL_ENTRY,
  KVM_EXIT.INTERNAL_ERROR,
  -ERRNO.EINTR,
];

describe.each<PersonalityName>(["kvm", "rust_kvm"])("on %s", (personality) => {
  it("a guest of random bytes ends each run with an exit or EINTR", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 64 }), fc.bigInt(0n, 0xffffn), (code, register) => {
        const registers = { rcx: register, rsi: register, rdi: register, rbx: register, rsp: 0x800n };
        const machine = new Machine([...code], { personality, registers, at: 0x1000, instructionsPerRun: 500 });
        for (let exit = 0; exit < 8; exit++) expect(EXITS).toContain(machine.step());
        machine.kvm.dispose();
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});

describe("requests with random arguments", () => {
  it("answer with a number and never throw", () => {
    const requests = Object.values(KVM_IOCTL);
    const argument = fc.oneof(
      fc.uint8Array({ maxLength: 400 }),
      fc.bigInt(0n, (1n << 64n) - 1n),
      fc.integer(),
      fc.constant(undefined),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(5), fc.constantFrom(...requests), argument), { maxLength: 40 }), (calls) => {
        const kvm = EmulatedKvm.create({ memoryBytes: 4 << 20, instructionsPerRun: 100 });
        const system = kvm.open("/dev/kvm");
        kvm.open("/dev/rust_kvm");
        kvm.ioctl(kvm.ioctl(system, KVM_IOCTL.KVM_CREATE_VM, 0), KVM_IOCTL.KVM_CREATE_VCPU, 0);
        for (const [file, request, value] of calls) {
          expect(Number.isInteger(kvm.ioctl(3 + file, request, value))).toBe(true);
        }
        kvm.dispose();
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});
