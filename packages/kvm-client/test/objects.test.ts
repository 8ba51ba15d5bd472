import { ERRNO, KVM_IOCTL, kvm_userspace_memory_region, view } from "@likex/kvm-abi";
import { beforeEach, describe, expect, it } from "vitest";
import { Kvm, KvmClientError, KvmError, KvmUsageError, RustKvm } from "../src/index.ts";
import { FakeDriver } from "./fake-driver.ts";

let driver: FakeDriver;
beforeEach(() => {
  driver = new FakeDriver();
});

const errorOf = (action: () => unknown): KvmError => {
  try {
    action();
  } catch (error) {
    if (error instanceof KvmError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
};

describe("Kvm", () => {
  it("opens the device, and each object closes its own file once", () => {
    const kvm = Kvm.open(driver);
    const vm = kvm.createVm();
    const vcpu = vm.createVcpu(1);
    expect([kvm.fd, vm.fd, vcpu.fd, vcpu.id]).toEqual([3, 4, 5, 1]);
    driver.calls.length = 0;
    for (const object of [vcpu, vcpu, vm, vm, kvm, kvm]) object.close();
    expect(driver.calls).toEqual(["unmap 5", "close 5", "close 4", "close 3"]);
  });

  it("asks for the size of a vCPU's mapping and maps that much", () => {
    driver.answers.set(KVM_IOCTL.KVM_GET_VCPU_MMAP_SIZE, 8192);
    Kvm.open(driver).createVm().createVcpu();
    expect(driver.calls).toContain("mmap 5 8192");
  });

  it("refuses another API version, and closes the file", () => {
    driver.answers.set(KVM_IOCTL.KVM_GET_API_VERSION, 11);
    expect(() => Kvm.open(driver)).toThrow(KvmClientError);
    expect(() => Kvm.open(driver)).toThrow("/dev/kvm has KVM API version 11; this client needs 12.");
    expect(driver.calls.at(-1)).toBe("close 3");
  });

  it("passes a capability's number through", () => {
    driver.answers.set(KVM_IOCTL.KVM_CHECK_EXTENSION, (argument) => Number(argument) * 2);
    expect(Kvm.open(driver).checkExtension(10)).toBe(20);
  });

  it("says what was opened when a device is missing", () => {
    const error = errorOf(() => Kvm.open(driver, "/nowhere"));
    expect([error.call, error.errno, error.code]).toEqual(["open", ERRNO.ENOENT, "ENOENT"]);
    expect(error.message).toContain("/nowhere");
  });
});

describe("Vm", () => {
  it("encodes a memory region, with its flags 0 when left out", () => {
    let sent = new Uint8Array(0);
    driver.answers.set(KVM_IOCTL.KVM_SET_USER_MEMORY_REGION, (argument) => {
      sent = (argument as Uint8Array).slice();
      return 0;
    });
    const vm = Kvm.open(driver).createVm();
    vm.setUserMemoryRegion({ slot: 3, guestPhysAddr: 0x1000, memorySize: 0x2000n, userspaceAddr: 0x7fff_0000_0000n });
    const region = view(kvm_userspace_memory_region, sent);
    expect([region.slot, region.flags, region.guest_phys_addr, region.memory_size, region.userspace_addr]).toEqual([
      3,
      0,
      0x1000n,
      0x2000n,
      0x7fff_0000_0000n,
    ]);
  });

  it("names the slot, its place, and what to do when a region is refused", () => {
    driver.answers.set(KVM_IOCTL.KVM_SET_USER_MEMORY_REGION, -ERRNO.EEXIST);
    const vm = Kvm.open(driver).createVm();
    const region = { slot: 3, guestPhysAddr: 0x1000, memorySize: 0x2000, userspaceAddr: 0n };
    const { message, code } = errorOf(() => vm.setUserMemoryRegion(region));
    expect(code).toBe("EEXIST");
    expect(message).toContain("slot 3, guest-physical 0x1000, 0x2000 bytes");
    expect(message).toContain("The range overlaps another slot");
  });

  it("gives an errno without a name its number", () => {
    driver.answers.set(KVM_IOCTL.KVM_CREATE_VCPU, -9999);
    const vm = Kvm.open(driver).createVm();
    expect(errorOf(() => vm.createVcpu()).code).toBe("errno 9999");
  });

  it("closes a new vCPU's file when its run page cannot be mapped", () => {
    const vm = Kvm.open(driver).createVm();
    driver.mmapResult = -ERRNO.ENOMEM;
    expect(errorOf(() => vm.createVcpu()).call).toBe("mmap");
    expect(driver.calls.at(-1)).toBe("close 5");
  });

  it("refuses a driver that maps a run page without a live view, and closes the file", () => {
    const vm = Kvm.open(driver).createVm();
    driver.liveView = "absent";
    expect(() => vm.createVcpu()).toThrow(KvmUsageError);
    expect(driver.calls.slice(-2)).toEqual(["unmap 5", "close 5"]);
  });

  it("reports a close that fails", () => {
    const vm = Kvm.open(driver).createVm();
    driver.closeResult = -ERRNO.EBADF;
    expect(errorOf(() => vm.close()).call).toBe("close");
  });
});

describe("RustKvm", () => {
  it("uses the one file for the VM and the vCPU, and leaves it open until it is closed itself", () => {
    driver.answers.set(KVM_IOCTL.KVM_CREATE_VM, 0);
    driver.answers.set(KVM_IOCTL.KVM_CREATE_VCPU, 0);
    const device = RustKvm.open(driver);
    const vm = device.createVm();
    const vcpu = vm.createVcpu();
    expect([device.fd, vm.fd, vcpu.fd]).toEqual([3, 3, 3]);
    expect(driver.calls).toContain("mmap 3 4096");
    driver.calls.length = 0;
    for (const object of [vcpu, vm, device, device]) object.close();
    expect(driver.calls).toEqual(["unmap 3", "close 3"]);
  });
});
