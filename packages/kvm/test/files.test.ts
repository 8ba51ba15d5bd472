import { HostMemory } from "@likex/host-memory";
import { ERRNO, KVM_CAP, KVM_IOCTL } from "@likex/kvm-abi";
import { describe, expect, it } from "vitest";
import { EmulatedKvm, MappingAccessError, type UserMapping } from "../src/index.ts";

const { KVM_CREATE_VM, KVM_CREATE_VCPU, KVM_GET_API_VERSION, KVM_GET_VCPU_MMAP_SIZE, KVM_CHECK_EXTENSION } = KVM_IOCTL;
const { KVM_RUN, KVM_GET_REGS, KVM_SET_REGS, KVM_GET_SREGS, KVM_SET_USER_MEMORY_REGION, KVM_CREATE_IRQCHIP } =
  KVM_IOCTL;
const BAD_POINTER = 0x1000;

const create = (): EmulatedKvm => EmulatedKvm.create({ memoryBytes: 4 << 20 });
const openVcpu = (kvm: EmulatedKvm): { system: number; vm: number; vcpu: number } => {
  const system = kvm.open("/dev/kvm");
  const vm = kvm.ioctl(system, KVM_CREATE_VM, 0);
  return { system, vm, vcpu: kvm.ioctl(vm, KVM_CREATE_VCPU, 0) };
};

describe("file descriptors", () => {
  it("are the lowest free number from 3 on", () => {
    const kvm = create();
    expect([kvm.open("/dev/kvm"), kvm.open("/dev/kvm"), kvm.open("/dev/kvm")]).toEqual([3, 4, 5]);
    expect(kvm.close(4)).toBe(0);
    expect(kvm.open("/dev/rust_kvm")).toBe(4);
  });

  it("give ENOENT for another path and EBADF once closed", () => {
    const kvm = create();
    expect(kvm.open("/dev/null")).toBe(-ERRNO.ENOENT);
    const fd = kvm.open("/dev/kvm");
    kvm.close(fd);
    expect(kvm.close(fd)).toBe(-ERRNO.EBADF);
    expect(kvm.ioctl(fd, KVM_GET_API_VERSION, 0)).toBe(-ERRNO.EBADF);
    expect(kvm.mmap(fd, 4096)).toBe(-ERRNO.EBADF);
  });

  it("keep a VM alive until the last file and mapping of its vCPUs is gone", () => {
    const kvm = create();
    const first = openVcpu(kvm);
    const before = kvm.hostMemory.framesInUse;
    const { system, vm, vcpu } = openVcpu(kvm);
    const inUse = kvm.hostMemory.framesInUse;
    const area = kvm.mmap(vcpu, 12288) as UserMapping;
    kvm.close(vm);
    kvm.close(system);
    expect(kvm.ioctl(vcpu, KVM_GET_REGS, new Uint8Array(144))).toBe(0);
    kvm.close(vcpu);
    expect(kvm.hostMemory.framesInUse).toBe(inUse);
    area.unmap();
    expect(kvm.hostMemory.framesInUse).toBe(before);
    expect(kvm.close(first.vcpu)).toBe(0);
  });

  it("free everything of a VM, however often one is made", () => {
    const kvm = create();
    const cycle = (): number => {
      const { system, vm, vcpu } = openVcpu(kvm);
      for (const fd of [system, vm, vcpu]) kvm.close(fd);
      return kvm.hostMemory.framesInUse;
    };
    const first = cycle();
    for (let index = 0; index < 20; index++) expect(cycle()).toBe(first);
  });
});

describe("requests on the wrong file or with a wrong argument", () => {
  it("are refused by the system's file with EINVAL", () => {
    const kvm = create();
    const { system } = openVcpu(kvm);
    expect(kvm.ioctl(system, KVM_GET_API_VERSION, 0)).toBe(12);
    expect(kvm.ioctl(system, KVM_GET_API_VERSION, 1)).toBe(-ERRNO.EINVAL);
    expect(kvm.ioctl(system, KVM_GET_VCPU_MMAP_SIZE, 0)).toBe(12288);
    expect(kvm.ioctl(system, KVM_GET_VCPU_MMAP_SIZE, 1)).toBe(-ERRNO.EINVAL);
    expect(kvm.ioctl(system, KVM_CREATE_VM, 99)).toBe(-ERRNO.EINVAL);
    expect(kvm.ioctl(system, KVM_RUN, 0)).toBe(-ERRNO.EINVAL);
    expect(kvm.ioctl(system, 0x1234, 0)).toBe(-ERRNO.EINVAL);
  });

  it("are refused by a VM's file with ENOTTY", () => {
    const kvm = create();
    const { vm } = openVcpu(kvm);
    expect(kvm.ioctl(vm, KVM_RUN, 0)).toBe(-ERRNO.ENOTTY);
    expect(kvm.ioctl(vm, KVM_CREATE_IRQCHIP, 0)).toBe(-ERRNO.ENOTTY);
    expect(kvm.ioctl(vm, KVM_SET_USER_MEMORY_REGION, BAD_POINTER)).toBe(-ERRNO.EFAULT);
    expect(kvm.ioctl(vm, KVM_SET_USER_MEMORY_REGION, new Uint8Array(31))).toBe(-ERRNO.EFAULT);
  });

  it("are refused by a vCPU's file with EINVAL", () => {
    const kvm = create();
    const { vcpu } = openVcpu(kvm);
    expect(kvm.ioctl(vcpu, KVM_RUN, 1)).toBe(-ERRNO.EINVAL);
    expect(kvm.ioctl(vcpu, KVM_CREATE_VM, 0)).toBe(-ERRNO.EINVAL);
    for (const request of [KVM_GET_REGS, KVM_SET_REGS, KVM_GET_SREGS]) {
      expect(kvm.ioctl(vcpu, request, BAD_POINTER)).toBe(-ERRNO.EFAULT);
      expect(kvm.ioctl(vcpu, request, 0xffff_8000_0000_0000n)).toBe(-ERRNO.EFAULT);
      expect(kvm.ioctl(vcpu, request)).toBe(-ERRNO.EFAULT);
    }
  });

  it("accept a user address for a pointer", () => {
    const kvm = create();
    const { vcpu } = openVcpu(kvm);
    const memory = kvm.mmap(-1, 4096) as UserMapping;
    expect(kvm.ioctl(vcpu, KVM_GET_REGS, memory.address + 8n)).toBe(0);
    expect([...memory.read(8 + 128, 2)]).toEqual([0xf0, 0xff]);
  });

  it("refuse a vCPU id that is taken or too large", () => {
    const kvm = create();
    const { vm } = openVcpu(kvm);
    expect(kvm.ioctl(vm, KVM_CREATE_VCPU, 0)).toBe(-ERRNO.EEXIST);
    expect(kvm.ioctl(vm, KVM_CREATE_VCPU, 4096)).toBe(-ERRNO.EINVAL);
    expect(kvm.ioctl(vm, KVM_CREATE_VCPU, 1)).toBeGreaterThan(0);
  });

  it("answer 0 for an extension that there is not", () => {
    const kvm = create();
    const { system, vm } = openVcpu(kvm);
    for (const fd of [system, vm]) {
      expect(kvm.ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP.USER_MEMORY)).toBe(1);
      expect(kvm.ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP.NR_MEMSLOTS)).toBe(32764);
      expect(kvm.ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP.IRQCHIP)).toBe(0);
      expect(kvm.ioctl(fd, KVM_CHECK_EXTENSION, 99999)).toBe(0);
    }
  });
});

describe("mappings", () => {
  it("exist for vCPUs alone, and may be longer than what is behind them", () => {
    const kvm = create();
    const { system, vm, vcpu } = openVcpu(kvm);
    expect(kvm.mmap(system, 4096)).toBe(-ERRNO.ENODEV);
    expect(kvm.mmap(vm, 4096)).toBe(-ERRNO.ENODEV);
    expect((kvm.mmap(vcpu, 4096) as UserMapping).bytes).toHaveLength(4096);
    expect(kvm.mmap(vcpu, 1 << 16)).toMatchObject({ length: 1 << 16 });
    expect(kvm.mmap(vcpu, 0)).toBe(-ERRNO.EINVAL);
  });

  it("of anonymous memory read as zeros, keep what is written, and check their bounds", () => {
    const memory = create().mmap(-1, 5000) as UserMapping;
    expect(memory.length).toBe(8192);
    expect([...memory.read(4094, 4)]).toEqual([0, 0, 0, 0]);
    memory.write(4094, Uint8Array.from([1, 2, 3, 4]));
    expect([...memory.read(4095, 2)]).toEqual([2, 3]);
    expect(() => memory.read(8190, 3)).toThrow(MappingAccessError);
    memory.unmap();
    expect(() => memory.read(0, 1)).toThrow(MappingAccessError);
  });
});

describe("/dev/rust_kvm", () => {
  it("is one file with eight requests, in their order", () => {
    const kvm = create();
    const fd = kvm.open("/dev/rust_kvm");
    const regs = new Uint8Array(144);
    expect(kvm.ioctl(fd, KVM_CREATE_VCPU, 0)).toBe(-ERRNO.ENOENT);
    expect(kvm.ioctl(fd, KVM_SET_USER_MEMORY_REGION, new Uint8Array(32))).toBe(-ERRNO.ENOENT);
    expect(kvm.ioctl(fd, KVM_CREATE_VM, 0)).toBe(0);
    expect(kvm.ioctl(fd, KVM_CREATE_VM, 0)).toBe(-ERRNO.EEXIST);
    expect(kvm.ioctl(fd, KVM_RUN, 0)).toBe(-ERRNO.ENOENT);
    expect(kvm.ioctl(fd, KVM_GET_REGS, regs)).toBe(-ERRNO.ENOENT);
    expect(kvm.mmap(fd, 4096)).toBe(-ERRNO.ENOENT);
    expect(kvm.ioctl(fd, KVM_CREATE_VCPU, 7)).toBe(0);
    expect(kvm.ioctl(fd, KVM_CREATE_VCPU, 8)).toBe(-ERRNO.EEXIST);
    expect(kvm.ioctl(fd, KVM_GET_REGS, regs)).toBe(0);
    expect(kvm.ioctl(fd, KVM_GET_API_VERSION, 0)).toBe(-ERRNO.EINVAL);
    expect(kvm.close(fd)).toBe(0);
  });

  it("gives each open file a VM of its own", () => {
    const kvm = create();
    const [a, b] = [kvm.open("/dev/rust_kvm"), kvm.open("/dev/rust_kvm")];
    expect(kvm.ioctl(a, KVM_CREATE_VM, 0)).toBe(0);
    expect(kvm.ioctl(b, KVM_CREATE_VM, 0)).toBe(0);
    kvm.close(a);
    expect(kvm.ioctl(b, KVM_CREATE_VCPU, 0)).toBe(0);
  });
});

describe("host memory that runs out", () => {
  it("is ENOMEM, and what closes gives room again", () => {
    const kvm = EmulatedKvm.create({ memoryBytes: 2 << 20 });
    const system = kvm.open("/dev/kvm");
    const files: number[] = [];
    let result = 0;
    let before = 0;
    while (result >= 0) {
      before = kvm.hostMemory.framesInUse;
      const vm = kvm.ioctl(system, KVM_CREATE_VM, 0);
      result = vm < 0 ? vm : kvm.ioctl(vm, KVM_CREATE_VCPU, 0);
      files.push(...[vm, result].filter((fd) => fd >= 0));
    }
    expect(result).toBe(-ERRNO.ENOMEM);
    expect(files.length).toBeGreaterThan(20);
    expect(kvm.hostMemory.framesInUse).toBeLessThanOrEqual(before + 5);
    for (const fd of files) kvm.close(fd);
    const vm = kvm.ioctl(system, KVM_CREATE_VM, 0);
    expect(kvm.ioctl(vm, KVM_CREATE_VCPU, 0)).toBeGreaterThan(0);
  });

  it("is returned to a memory that the caller provides, when the driver is disposed of", () => {
    const hostMemory = HostMemory.create({ bytes: 4 << 20 });
    const before = hostMemory.framesInUse;
    const kvm = EmulatedKvm.create({ hostMemory });
    const { vcpu } = openVcpu(kvm);
    const area = kvm.mmap(vcpu, 12288) as UserMapping;
    kvm.mmap(-1, 8192);
    kvm.dispose();
    area.unmap();
    expect(hostMemory.framesInUse).toBe(before);
  });
});
