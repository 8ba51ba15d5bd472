import { InvalidHandlerRangeError } from "@likex/devices";
import { ERRNO, KVM_IOCTL, kvm_regs, kvm_sregs, view } from "@likex/kvm-abi";
import { KvmError } from "@likex/kvm-client";
import { EmptyImageError } from "@likex/loaders";
import { describe, expect, it } from "vitest";
import {
  CpuidUnavailableError,
  DisposedError,
  EntryOutsideMemoryError,
  ImageOutsideMemoryError,
  InvalidLimitError,
  InvalidRegisterValueError,
  MicroVm,
  OutsideMemoryError,
  OverlappingMemorySlotsError,
  UnknownRegisterError,
} from "../src/index.ts";
import { ScriptedDriver } from "./scripted-driver.ts";

const image = { bytes: Uint8Array.of(0x90, 0xf4) };
const slots = [
  { slot: 3, guestAddress: 0x1000, size: 0x1000 },
  { slot: 1, guestAddress: 0x2000, size: 0x2000, readOnly: true },
];

describe("MicroVm.create", () => {
  it("opens /dev/kvm unless it is told otherwise", () => {
    const driver = new ScriptedDriver();
    MicroVm.create(driver, { image });
    expect(driver.opened).toEqual(["/dev/kvm"]);
    expect(driver.regions).toHaveLength(1);
    expect(driver.regions[0]).toMatchObject({ slot: 0, guest_phys_addr: 0n, memory_size: 0x1_0000n, flags: 0 });
  });

  it("opens /dev/rust_kvm for that personality", () => {
    const driver = new ScriptedDriver();
    MicroVm.create(driver, { image, personality: "rust_kvm" });
    expect(driver.opened).toEqual(["/dev/rust_kvm"]);
    expect(driver.files).toBe(1);
  });

  it("makes each slot, read-only ones too, and loads an image across two of them", () => {
    const driver = new ScriptedDriver();
    MicroVm.create(driver, { image: { ...image, loadAddress: 0x1fff }, memory: slots });
    expect(driver.regions.map(({ slot, flags }) => [slot, flags])).toEqual([
      [3, 0],
      [1, 2],
    ]);
    expect(driver.memory[0]?.at(-1)).toBe(0x90);
    expect(driver.memory[1]?.[0]).toBe(0xf4);
  });

  it("tells the guest what the driver supports, with the vCPU's own APIC id", () => {
    const driver = new ScriptedDriver();
    driver.supportedCpuid.push({ function: 0xb, edx: 7 });
    MicroVm.create(driver, { image });
    expect(driver.cpuid?.nent).toBe(3);
    expect(driver.cpuid?.entries[1]).toMatchObject({ function: 1, ebx: 0x000b0c0d });
    expect(driver.cpuid?.entries[2]).toMatchObject({ function: 0xb, edx: 0 });
  });

  it("lets the configuration change what CPUID answers", () => {
    const driver = new ScriptedDriver();
    MicroVm.create(driver, { image, cpuid: (supported) => supported.slice(0, 1) });
    expect(driver.cpuid?.nent).toBe(1);
  });

  it("gives no table to /dev/rust_kvm, and refuses one for it", () => {
    const driver = new ScriptedDriver();
    MicroVm.create(driver, { image, personality: "rust_kvm" });
    expect(driver.cpuid).toBeUndefined();
    const config = { image, personality: "rust_kvm", cpuid: () => [] } as const;
    expect(() => MicroVm.create(driver, config)).toThrow(CpuidUnavailableError);
  });

  it("enters the image with all other registers zero", () => {
    const driver = new ScriptedDriver();
    driver.sregs.fill(0xff);
    MicroVm.create(driver, {
      image: { ...image, loadAddress: 0x1_2340, entry: 0x1_2341 },
      memory: [{ slot: 0, guestAddress: 0x1_0000, size: 0x8000 }],
    });
    expect(view(kvm_regs, driver.regs)).toMatchObject({ rip: 0x2341n, rflags: 2n, rax: 0n, rsp: 0n });
    expect(view(kvm_sregs, driver.sregs).cs).toMatchObject({ base: 0x1_0000n, selector: 0x1000 });
  });

  it("sets named registers over the entry", () => {
    const driver = new ScriptedDriver();
    MicroVm.create(driver, {
      image,
      registers: { rax: 2, r15: 1n << 63n, ds: 0x40, "ss.limit": 0xfff, cr8: 3, rip: 1 },
    });
    expect(view(kvm_regs, driver.regs)).toMatchObject({ rax: 2n, r15: 1n << 63n, rip: 1n });
    const sregs = view(kvm_sregs, driver.sregs);
    expect(sregs.ds).toMatchObject({ selector: 0x40, base: 0x400n });
    expect(sregs.ss.limit).toBe(0xfff);
    expect(sregs.cr8).toBe(3n);
  });

  it.each([
    ["an empty image", { image: { bytes: new Uint8Array(0) } }, EmptyImageError],
    ["an image outside memory", { image: { ...image, loadAddress: 0xffff } }, ImageOutsideMemoryError],
    ["an entry outside memory", { image: { ...image, entry: 0x1_0000 } }, EntryOutsideMemoryError],
    ["a RIP outside memory", { image, registers: { rip: 0x1_0000 } }, EntryOutsideMemoryError],
    [
      "overlapping slots",
      { image, memory: [...slots, { slot: 2, guestAddress: 0x3000, size: 4096 }] },
      OverlappingMemorySlotsError,
    ],
    ["a register that is none", { image, registers: { foo: 1 } as object }, UnknownRegisterError],
    ["a value that a register cannot hold", { image, registers: { ds: 0x1_0000 } }, InvalidRegisterValueError],
    ["an output limit of 0", { image, outputLimit: 0 }, InvalidLimitError],
  ])("refuses %s before it asks the driver for anything", (_, config, error) => {
    const driver = new ScriptedDriver();
    expect(() => MicroVm.create(driver, config)).toThrow(error);
    expect(driver.opened).toEqual([]);
  });

  it("takes any RIP when paging is on: it need not be physical", () => {
    expect(() =>
      MicroVm.create(new ScriptedDriver(), { image, registers: { cr0: 0x8000_0001n, rip: 0x1_0000 } }),
    ).not.toThrow();
  });

  it.each(["KVM_CREATE_VM", "KVM_SET_USER_MEMORY_REGION", "KVM_CREATE_VCPU", "KVM_SET_SREGS", "KVM_SET_REGS"] as const)(
    "gives back everything when %s is refused",
    (name) => {
      const driver = new ScriptedDriver();
      driver.refuse = { request: KVM_IOCTL[name], errno: ERRNO.EINVAL };
      expect(() => MicroVm.create(driver, { image: { ...image, loadAddress: 0x1000 }, memory: slots })).toThrow(
        KvmError,
      );
      expect({ files: driver.files, mappings: driver.mappings }).toEqual({ files: 0, mappings: 0 });
    },
  );

  it("gives back everything when a device has no valid range", () => {
    const driver = new ScriptedDriver();
    const ports = [{ first: 0x1_0000, last: 0x1_0000, handler: {} }];
    expect(() => MicroVm.create(driver, { image, ports })).toThrow(InvalidHandlerRangeError);
    expect(driver.mappings).toBe(0);
  });
});

describe("dispose", () => {
  it.each(["kvm", "rust_kvm"] as const)("gives back everything once, and ends the object (%s)", (personality) => {
    const driver = new ScriptedDriver();
    const vm = MicroVm.create(driver, { image: { ...image, loadAddress: 0x1000 }, memory: slots, personality });
    vm.dispose();
    vm.dispose();
    expect({ files: driver.files, mappings: driver.mappings }).toEqual({ files: 0, mappings: 0 });
    for (const use of [() => vm.run(), () => vm.readMemory(0x1000, 1), () => vm.registers, () => vm.specialRegisters]) {
      expect(use).toThrow(DisposedError);
    }
  });
});

describe("guest memory", () => {
  it("is read and written across slots, read-only ones included", () => {
    const vm = MicroVm.create(new ScriptedDriver(), { image: { ...image, loadAddress: 0x1000 }, memory: slots });
    vm.writeMemory(0x1ffe, Uint8Array.of(1, 2, 3, 4));
    expect([...vm.readMemory(0x1ffd, 6)]).toEqual([0, 1, 2, 3, 4, 0]);
    expect(() => vm.readMemory(0x3fff, 2)).toThrow(OutsideMemoryError);
    expect(() => vm.writeMemory(0xfff, Uint8Array.of(0, 0))).toThrow(OutsideMemoryError);
  });
});
