import { ERRNO, KVM_EXIT, KVM_MEM } from "@likex/kvm-abi";
import { describe, expect, it } from "vitest";
import { bytes, Machine, SEED } from "./machine.ts";

const PAGE = 0x1000n;

describe("KVM_SET_USER_MEMORY_REGION", () => {
  const machine = new Machine(SEED);
  const user = machine.memory.address;
  const slot1 = { slot: 1, flags: 0, guest_phys_addr: 0x8000n, memory_size: 2n * PAGE, userspace_addr: user };
  machine.region(slot1);

  it.each([
    ["the same again", {}, 0],
    ["LOG_DIRTY_PAGES switched on", { flags: KVM_MEM.LOG_DIRTY_PAGES }, 0],
    ["a move to a free address", { guest_phys_addr: 0x20000n }, 0],
    ["a move back", {}, 0],
    ["the largest slot id", { slot: 32763, guest_phys_addr: 0x40000n }, 0],
    ["an unknown flag", { flags: 8 }, -ERRNO.EINVAL],
    ["a misaligned size", { memory_size: 0x1001n }, -ERRNO.EINVAL],
    ["a misaligned guest address", { guest_phys_addr: 0x8001n }, -ERRNO.EINVAL],
    ["a misaligned user address", { userspace_addr: user + 1n }, -ERRNO.EINVAL],
    ["another size", { memory_size: PAGE }, -ERRNO.EINVAL],
    ["another user address", { userspace_addr: user + PAGE }, -ERRNO.EINVAL],
    ["READONLY switched on", { flags: KVM_MEM.READONLY }, -ERRNO.EINVAL],
    ["a slot id too large", { slot: 32764 }, -ERRNO.EINVAL],
    ["another address space", { slot: 0x10001 }, -ERRNO.EINVAL],
    ["a guest address that wraps", { slot: 2, guest_phys_addr: 0xffff_ffff_ffff_f000n }, -ERRNO.EINVAL],
    ["a guest address of 2^52", { slot: 2, guest_phys_addr: 1n << 52n }, -ERRNO.EINVAL],
    ["a kernel address", { slot: 2, userspace_addr: 0xffff_8000_0000_0000n }, -ERRNO.EINVAL],
    ["deletion of a slot that there is not", { slot: 5, memory_size: 0n }, -ERRNO.EINVAL],
    ["overlap with another slot", { slot: 2, guest_phys_addr: 0x9000n }, -ERRNO.EEXIST],
    ["a move onto another slot", { guest_phys_addr: 0x3000n }, -ERRNO.EEXIST],
    ["deletion", { memory_size: 0n }, 0],
    ["deletion again", { memory_size: 0n }, -ERRNO.EINVAL],
  ])("answers %s with the errno of Linux", (_name, change, result) => {
    expect(machine.region({ ...slot1, ...change })).toBe(result);
  });
});

describe("guest memory", () => {
  it("comes from the slot of each address", () => {
    // mov al,[8001h]; mov [c002h],al; hlt
    const machine = new Machine(bytes("a0 01 80 a2 02 c0 f4"));
    const other = machine.anonymous(0x2000);
    other.write(0x1001, Uint8Array.from([0x5c]));
    const region = { slot: 1, guest_phys_addr: 0x8000n, memory_size: PAGE, userspace_addr: other.address + PAGE };
    machine.region(region);
    machine.region({ slot: 7, guest_phys_addr: 0xc000n, memory_size: PAGE, userspace_addr: other.address });
    expect(machine.step()).toBe(KVM_EXIT.HLT);
    expect([...other.read(2, 1)]).toEqual([0x5c]);
  });

  it("is device memory again once its slot is deleted, and follows a slot that moves", () => {
    // again: mov al,[8000h]; out 1,al; jmp again
    const machine = new Machine(bytes("a0 00 80 e6 01 eb f9"));
    const other = machine.anonymous(0x1000);
    other.write(0, Uint8Array.from([0x77]));
    const region = { slot: 1, guest_phys_addr: 0x8000n, memory_size: PAGE, userspace_addr: other.address };
    machine.region(region);
    machine.step();
    expect(machine.describe()).toMatchObject({ io: "out", data: [0x77] });
    machine.region({ ...region, guest_phys_addr: 0xa000n });
    expect(machine.step()).toBe(KVM_EXIT.MMIO);
    machine.run.mmio.data[0] = 1;
    machine.step();
    expect(machine.describe()).toMatchObject({ io: "out", data: [1] });
    machine.region(region);
    machine.step();
    expect(machine.describe()).toMatchObject({ io: "out", data: [0x77] });
  });

  it("shows the guest what the VMM writes while it runs, also into code", () => {
    // again: mov al,1; out 1,al; jmp again
    const machine = new Machine(bytes("b0 01 e6 01 eb fa"));
    machine.step();
    expect(machine.describe()).toMatchObject({ data: [1] });
    machine.memory.write(1, Uint8Array.from([2]));
    machine.step();
    expect(machine.describe()).toMatchObject({ data: [2] });
  });

  it("is shared: a page first read, then written, keeps the writes", () => {
    // mov al,[3000h]; mov byte [3000h],5ah; mov al,[3000h]; hlt
    const machine = new Machine(bytes("a0 00 30 c6 06 00 30 5a a0 00 30 f4"));
    expect(machine.step()).toBe(KVM_EXIT.HLT);
    expect(machine.regs().rax & 0xffn).toBe(0x5an);
    expect([...machine.memory.read(0x3000, 1)]).toEqual([0x5a]);
  });
});
