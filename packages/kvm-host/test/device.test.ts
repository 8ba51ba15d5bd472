import {
  bytesOf,
  create,
  ERRNO,
  KVM_EXIT,
  KVM_IOCTL,
  kvm_regs,
  kvm_run,
  kvm_sregs,
  kvm_userspace_memory_region,
  view,
} from "@likex/kvm-abi";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HostKvm, HostKvmUsageError, type HostMapping } from "../src/index.ts";

const { available, reason } = HostKvm.availability();
const SEED_PROGRAM = [0xba, 0xf8, 0x03, 0x00, 0xd8, 0x04, 0x30, 0xee, 0xb0, 0x0a, 0xee, 0xf4];

function mapped(mapping: HostMapping | number): HostMapping {
  if (typeof mapping === "number") throw new Error(`mmap answered ${mapping}`);
  return mapping;
}

describe.skipIf(!available)(`the machine's KVM (${reason})`, () => {
  let driver: HostKvm;
  beforeAll(() => {
    driver = HostKvm.create();
  });
  afterAll(() => driver.dispose());

  /** A VM with one page of memory at 0 and a vCPU at 0:0. */
  function machine(code: readonly number[]): { run: kvm_run; page: HostMapping; vcpu: number; end: () => void } {
    const system = driver.open("/dev/kvm");
    const vm = driver.ioctl(system, KVM_IOCTL.KVM_CREATE_VM);
    const memory = mapped(driver.mmap(-1, 4096));
    memory.write(0, Uint8Array.from(code));
    const region = create(kvm_userspace_memory_region, { memory_size: 4096n, userspace_addr: memory.address });
    expect(driver.ioctl(vm, KVM_IOCTL.KVM_SET_USER_MEMORY_REGION, bytesOf(region))).toBe(0);
    const vcpu = driver.ioctl(vm, KVM_IOCTL.KVM_CREATE_VCPU, 0);
    const page = mapped(driver.mmap(vcpu, driver.ioctl(system, KVM_IOCTL.KVM_GET_VCPU_MMAP_SIZE)));
    const sregs = create(kvm_sregs);
    expect(driver.ioctl(vcpu, KVM_IOCTL.KVM_GET_SREGS, bytesOf(sregs))).toBe(0);
    sregs.cs.base = 0n;
    sregs.cs.selector = 0;
    expect(driver.ioctl(vcpu, KVM_IOCTL.KVM_SET_SREGS, bytesOf(sregs))).toBe(0);
    const regs = create(kvm_regs, { rax: 2n, rbx: 2n, rflags: 2n });
    expect(driver.ioctl(vcpu, KVM_IOCTL.KVM_SET_REGS, bytesOf(regs))).toBe(0);
    const end = (): void => {
      page.unmap();
      for (const fd of [vcpu, vm, system]) expect(driver.close(fd)).toBe(0);
      memory.unmap();
    };
    return { run: view(kvm_run, page.bytes), page, vcpu, end };
  }

  it("runs a real-mode program to its HLT", () => {
    const { run, page, vcpu, end } = machine(SEED_PROGRAM);
    const seen: string[] = [];
    for (let exits = 0; exits < 10; exits++) {
      expect(driver.ioctl(vcpu, KVM_IOCTL.KVM_RUN, 0)).toBe(0);
      if (run.exit_reason !== KVM_EXIT.IO) break;
      seen.push(`${run.io.port.toString(16)} ${page.bytes[Number(run.io.data_offset)]}`);
    }
    expect(seen).toEqual(["3f8 52", "3f8 10"]);
    expect(run.exit_reason).toBe(KVM_EXIT.HLT);
    end();
  });

  it("gives the kernel's errno, negated", () => {
    expect(driver.open("/dev/no-such-kvm")).toBe(-ERRNO.ENOENT);
    expect(driver.close(9999)).toBe(-ERRNO.EBADF);
    expect(driver.ioctl(9999, KVM_IOCTL.KVM_GET_API_VERSION)).toBe(-ERRNO.EBADF);
    expect(driver.mmap(9999, 4096)).toBe(-ERRNO.EBADF);
    expect(driver.mmap(-1, 0)).toBe(-ERRNO.EINVAL);
    const { vcpu, end } = machine(SEED_PROGRAM);
    expect(driver.ioctl(vcpu, KVM_IOCTL.KVM_GET_REGS, 0x10)).toBe(-ERRNO.EFAULT);
    expect(driver.ioctl(vcpu, KVM_IOCTL.KVM_SET_REGS, -1)).toBe(-ERRNO.EFAULT);
    end();
  });

  it("maps zeroed memory that is read and written in place, and refuses what lies outside", () => {
    const memory = mapped(driver.mmap(-1, 8192));
    expect(memory.address % 4096n).toBe(0n);
    expect(memory.read(8190, 2)).toEqual(new Uint8Array(2));
    memory.write(4095, Uint8Array.of(1, 2));
    expect([memory.bytes[4095], memory.bytes[4096]]).toEqual([1, 2]);
    expect(() => memory.read(8190, 3)).toThrow(HostKvmUsageError);
    expect(() => memory.write(-1, new Uint8Array(1))).toThrow(HostKvmUsageError);
  });

  it("leaves no view of unmapped memory that could crash the process", () => {
    const memory = mapped(driver.mmap(-1, 4096));
    const { bytes } = memory;
    bytes[0] = 7;
    memory.unmap();
    memory.unmap();
    expect(bytes[0]).toBe(0);
    expect(() => memory.bytes).toThrow(/was unmapped/);
  });

  it("refuses a timer in a worker thread, and a time that is none", () => {
    expect(() => HostKvm.create({ runTimeoutMs: Number.NaN })).toThrow(HostKvmUsageError);
    expect(() => HostKvm.create({ runTimeoutMs: 10 })).toThrow(/worker thread/);
  });
});
