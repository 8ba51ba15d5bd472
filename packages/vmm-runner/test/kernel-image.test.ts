import { kvm_regs, kvm_sregs, view } from "@likex/kvm-abi";
import { NoRoomError, NotBootableError } from "@likex/loaders";
import { describe, expect, it } from "vitest";
import { ImageOutsideMemoryError, MicroVm } from "../src/index.ts";
import { ScriptedDriver } from "./scripted-driver.ts";

const MIB = 1 << 20;
const memory = [{ slot: 0, guestAddress: 0, size: 4 * MIB }];

/** A file with a multiboot header that says: all of it at 1 MiB, and one page of bss; its code follows the header. */
function kernel(): Uint8Array {
  const words = [0x1bad_b002, 0x1_0000, -(0x1bad_b002 + 0x1_0000), MIB, MIB, 0, MIB + 0x1000, MIB + 32, 0xf4];
  return new Uint8Array(Uint32Array.from(words).buffer);
}

/** An ELF file for the i386 with one segment of one byte, and its entry. */
function elf(type: number): Uint8Array {
  const bytes = new Uint8Array(85);
  const view32 = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  for (const [at, value] of [
    [16, type],
    [18, 3],
    [42, 32],
    [44, 1],
  ] as const) {
    view32.setUint16(at, value, true);
  }
  for (const [at, value] of [
    [24, 0x8000],
    [28, 52],
    [52, 1],
    [56, 84],
    [60, 0x8000],
    [64, 0x8000],
    [68, 1],
    [72, 1],
  ] as const) {
    view32.setUint32(at, value, true);
  }
  bytes[84] = 0xf4;
  return bytes;
}

describe("a multiboot image", () => {
  it("is entered in protected mode with flat segments, paging off, and its two registers", () => {
    const driver = new ScriptedDriver();
    MicroVm.create(driver, { image: { format: "multiboot", bytes: kernel() }, memory });
    expect(view(kvm_regs, driver.regs)).toMatchObject({
      rax: 0x2bad_b002n,
      rbx: BigInt(MIB + 0x1000),
      rip: BigInt(MIB + 32),
      rflags: 2n,
      rsp: 0n,
    });
    const sregs = view(kvm_sregs, driver.sregs);
    expect(sregs.cr0).toBe(0x11n);
    expect(sregs.cs).toMatchObject({ base: 0n, limit: 0xffff_ffff, type: 11, db: 1, l: 0, g: 1, s: 1, present: 1 });
    for (const name of ["ds", "es", "fs", "gs", "ss"] as const) {
      expect(sregs[name]).toMatchObject({ base: 0n, limit: 0xffff_ffff, type: 3, db: 1, g: 1, s: 1, present: 1 });
    }
  });

  it("has its bytes, its command line and the writable memory's size in memory", () => {
    const driver = new ScriptedDriver();
    const readOnly = { slot: 1, guestAddress: 8 * MIB, size: MIB, readOnly: true };
    const image = { format: "multiboot", bytes: kernel(), commandLine: "n=7" } as const;
    const vm = MicroVm.create(driver, { image, memory: [...memory, readOnly] });
    const word = (address: number): number => new DataView(vm.readMemory(address, 4).buffer).getUint32(0, true);
    expect(vm.readMemory(MIB + 32, 1)).toEqual(Uint8Array.of(0xf4));
    const info = MIB + 0x1000;
    expect(word(info + 8)).toBe(3 * 1024);
    expect(word(info + 44)).toBe(2 * 24);
    expect(new TextDecoder().decode(vm.readMemory(word(info + 16), 4))).toBe("n=7\0");
  });

  it("takes registers of the configuration over those of its entry", () => {
    const driver = new ScriptedDriver();
    MicroVm.create(driver, { image: { format: "multiboot", bytes: kernel() }, memory, registers: { rbx: 5, rsp: 6 } });
    expect(view(kvm_regs, driver.regs)).toMatchObject({ rax: 0x2bad_b002n, rbx: 5n, rsp: 6n });
  });

  it("must fit in memory with its bss and its boot information, and leaves nothing behind when it does not", () => {
    const driver = new ScriptedDriver();
    const create = (size: number, guestAddress = 0): unknown =>
      MicroVm.create(driver, {
        image: { format: "multiboot", bytes: kernel() },
        memory: [{ slot: 0, guestAddress, size }],
      });
    expect(() => create(MIB + 0x1000)).toThrow(NoRoomError);
    expect(() => create(MIB, 2 * MIB)).toThrow(ImageOutsideMemoryError);
    expect({ files: driver.files, mappings: driver.mappings }).toEqual({ files: 0, mappings: 0 });
  });
});

describe("an ELF image", () => {
  it("is loaded where it says and entered in protected mode with zero registers", () => {
    const driver = new ScriptedDriver();
    const vm = MicroVm.create(driver, { image: { format: "elf", bytes: elf(2) } });
    expect(vm.readMemory(0x8000, 1)).toEqual(Uint8Array.of(0xf4));
    expect(view(kvm_regs, driver.regs)).toMatchObject({ rax: 0n, rbx: 0n, rip: 0x8000n });
    expect(view(kvm_sregs, driver.sregs).cr0).toBe(0x11n);
  });

  it("is refused when it is an object file", () => {
    expect(() => MicroVm.create(new ScriptedDriver(), { image: { format: "elf", bytes: elf(1) } })).toThrow(
      NotBootableError,
    );
  });
});
