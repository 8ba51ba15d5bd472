import { CPU_MODELS } from "@likex/cpu-executor";
import { bytesOf, create, ERRNO, KVM_EXIT, KVM_IOCTL, kvm_cpuid2, type kvm_sregs } from "@likex/kvm-abi";
import { describe, expect, it } from "vitest";
import { bytes, Machine } from "./machine.ts";

const { KVM_GET_SUPPORTED_CPUID, KVM_SET_CPUID2, KVM_GET_CPUID2 } = KVM_IOCTL;

interface Entry {
  function: number;
  index?: number;
  flags?: number;
  eax?: number;
  ebx?: number;
  ecx?: number;
  edx?: number;
}

/** cpuid; hlt */
const CPUID = bytes("0f a2 f4");

const plain = ({ function: leaf, index, flags, eax, ebx, ecx, edx }: Required<Entry>): Required<Entry> => ({
  function: leaf,
  index,
  flags,
  eax,
  ebx,
  ecx,
  edx,
});

const ask = (machine: Machine, file: number, request: number, room = 256): number | Required<Entry>[] => {
  const table = create(kvm_cpuid2, { nent: room }, room);
  const result = machine.kvm.ioctl(file, request, bytesOf(table));
  return result < 0 ? result : [...table.entries].slice(0, table.nent).map(plain);
};

const supported = (machine: Machine): Required<Entry>[] =>
  ask(machine, machine.system, KVM_GET_SUPPORTED_CPUID) as Required<Entry>[];

const set = (machine: Machine, entries: readonly Entry[]): number =>
  machine.kvm.ioctl(machine.vcpu, KVM_SET_CPUID2, bytesOf(create(kvm_cpuid2, { nent: entries.length, entries })));

const query = (machine: Machine, leaf: number, subleaf = 0): bigint[] => {
  machine.setRegs({ rip: 0n, rax: BigInt(leaf), rcx: BigInt(subleaf), rbx: 1n << 40n, rdx: 1n << 40n });
  expect(machine.step()).toBe(KVM_EXIT.HLT);
  const { rax, rbx, rcx, rdx } = machine.regs();
  return [rax, rbx, rcx, rdx];
};

const setCr4 = (machine: Machine, cr4: bigint): number => {
  const sregs = machine.sregs();
  sregs.cr4 = cr4;
  return machine.kvm.ioctl(machine.vcpu, KVM_IOCTL.KVM_SET_SREGS, bytesOf(sregs));
};

describe("KVM_GET_SUPPORTED_CPUID", () => {
  it("is the processor's table, subleaves marked as such", () => {
    const expected = CPU_MODELS.likex.cpuid.map(({ leaf, subleaf, eax, ebx, ecx, edx }) => ({
      function: leaf,
      index: subleaf ?? 0,
      flags: subleaf === undefined ? 0 : 1,
      eax,
      ebx,
      ecx,
      edx,
    }));
    expect(supported(new Machine(CPUID))).toEqual(expected);
  });

  it("leaves the caller's structure alone when it has no room", () => {
    const machine = new Machine(CPUID);
    const table = create(kvm_cpuid2, { nent: 2 }, 2);
    expect(machine.kvm.ioctl(machine.system, KVM_GET_SUPPORTED_CPUID, bytesOf(table))).toBe(-ERRNO.E2BIG);
    expect(table.nent).toBe(2);
    expect(table.entries[0]).toMatchObject({ eax: 0 });
  });

  it("is a fault when the structure is shorter than its nent says", () => {
    const machine = new Machine(CPUID);
    const table = create(kvm_cpuid2, { nent: 256 }, 2);
    expect(machine.kvm.ioctl(machine.system, KVM_GET_SUPPORTED_CPUID, bytesOf(table))).toBe(-ERRNO.EFAULT);
  });
});

describe("a guest with the supported table", () => {
  it("sees the level x86-64-v2", () => {
    const machine = new Machine(CPUID);
    expect(set(machine, supported(machine))).toBe(0);
    const [, , ecx = 0n, edx = 0n] = query(machine, 1);
    const [, , extendedEcx = 0n, extendedEdx = 0n] = query(machine, 0x80000001);
    const has = (word: bigint, ...positions: number[]): boolean =>
      positions.every((position) => ((word >> BigInt(position)) & 1n) === 1n);
    // FPU CX8 CMOV MMX FXSR SSE SSE2; SSE3 SSSE3 CX16 SSE4.1 SSE4.2 POPCNT; LAHF; SYSCALL LM
    expect(has(edx, 0, 8, 15, 23, 24, 25, 26)).toBe(true);
    expect(has(ecx, 0, 9, 13, 19, 20, 23)).toBe(true);
    expect(has(extendedEcx, 0)).toBe(true);
    expect(has(extendedEdx, 11, 29)).toBe(true);
  });

  it("gets KVM_GET_CPUID2 back as it was set", () => {
    const machine = new Machine(CPUID);
    const table = supported(machine);
    set(machine, table);
    expect(ask(machine, machine.vcpu, KVM_GET_CPUID2)).toEqual(table);
    expect(ask(machine, machine.vcpu, KVM_GET_CPUID2, table.length)).toEqual(table);
    expect(ask(machine, machine.vcpu, KVM_GET_CPUID2, table.length - 1)).toBe(-ERRNO.E2BIG);
  });

  it("sees OSXSAVE as soon as it sets CR4.OSXSAVE, and a changed leaf is no change of the table", () => {
    // mov eax,cr4; or eax,40000h; mov cr4,eax; mov eax,1; cpuid; hlt
    const machine = new Machine(bytes("0f 20 e0 66 0d 00 00 04 00 0f 22 e0 66 b8 01 00 00 00 0f a2 f4"));
    const table = supported(machine);
    set(machine, table);
    expect(machine.step()).toBe(KVM_EXIT.HLT);
    expect((machine.regs().rcx >> 27n) & 1n).toBe(1n);
    expect(set(machine, table)).toBe(0);
    expect(set(machine, table.slice(1))).toBe(-ERRNO.EINVAL);
  });

  it("enables SSE state with XSETBV, and is refused what the table lacks", () => {
    // xor ecx,ecx; xor edx,edx; mov eax,ebx; xsetbv; xgetbv; hlt
    const code = bytes("66 31 c9 66 31 d2 66 89 d8 0f 01 d1 0f 01 d0 f4");
    const run = (xcr0: bigint, table: "supported" | "none"): bigint => {
      const machine = new Machine(code, { registers: { rsp: 0x2000n, rbx: xcr0 } });
      // #GP at 0:3000: mov eax,0dh; hlt
      machine.memory.write(13 * 4, Uint8Array.from([0x00, 0x30, 0, 0]));
      machine.memory.write(0x3000, Uint8Array.from(bytes("66 b8 0d 00 00 00 f4")));
      if (table === "supported") set(machine, supported(machine));
      expect(setCr4(machine, 0x40000n)).toBe(0);
      expect(machine.step()).toBe(KVM_EXIT.HLT);
      return machine.regs().rax;
    };
    // The machine's code lies over vectors 0 to 3 alone.
    expect(run(3n, "supported")).toBe(3n);
    for (const xcr0 of [0n, 2n, 7n]) expect(run(xcr0, "supported")).toBe(0xdn);
    expect(run(3n, "none")).toBe(0xdn);
    expect(run(1n, "none")).toBe(1n);
  });

  it("may not set CR4 bits of features that the table lacks", () => {
    const smep = 0x10_0000n;
    const machine = new Machine(CPUID);
    expect(setCr4(machine, smep)).toBe(0);
    expect(setCr4(machine, 0n)).toBe(0);
    set(machine, [{ function: 0, eax: 1 }]);
    expect(setCr4(machine, smep)).toBe(-ERRNO.EINVAL);
    set(machine, supported(machine));
    expect(setCr4(machine, smep)).toBe(0);
  });

  it("on /dev/rust_kvm sees the same processor without RDTSCP and RDPID, which its VMCS does not enable", () => {
    const machine = new Machine(CPUID, { personality: "rust_kvm" });
    const model = CPU_MODELS.likex.cpuid;
    const extended = model.find(({ leaf }) => leaf === 0x80000001)!;
    const seven = model.find(({ leaf }) => leaf === 7)!;
    expect(query(machine, 0x80000001)[3]).toBe(BigInt((extended.edx & ~(1 << 27)) >>> 0));
    expect(query(machine, 7)[2]).toBe(BigInt((seven.ecx & ~(1 << 22)) >>> 0));
  });
});

describe("the state of x87 and SSE", () => {
  it("belongs to each vCPU", () => {
    // fnstcw [100h]; mov ax,[100h]; cmp bl,1; jne l; mov word [102h],0f7fh; fldcw [102h]; l: hlt
    const code = bytes("d9 3e 00 01 a1 00 01 80 fb 01 75 0a c7 06 02 01 7f 0f d9 2e 02 01 f4");
    const first = new Machine(code, { registers: { rbx: 1n } });
    const second = first.sibling(code, { rbx: 0n });
    expect(first.step()).toBe(KVM_EXIT.HLT);
    expect(second.step()).toBe(KVM_EXIT.HLT);
    first.setRegs({ rip: 0n });
    expect(first.step()).toBe(KVM_EXIT.HLT);
    expect([first, second].map((machine) => machine.regs().rax & 0xffffn)).toEqual([0xf7fn, 0x37fn]);
  });
});

describe("KVM_SET_SREGS", () => {
  it("takes addresses as wide as the table says", () => {
    const setCr3 = (machine: Machine, cr3: bigint): number => {
      const sregs: kvm_sregs = machine.sregs();
      Object.assign(sregs, { cr0: 0x80000001n, cr3, cr4: 0x20n, efer: 0x500n });
      return machine.kvm.ioctl(machine.vcpu, KVM_IOCTL.KVM_SET_SREGS, bytesOf(sregs));
    };
    const machine = new Machine(CPUID);
    expect(setCr3(machine, 1n << 36n)).toBe(-ERRNO.EINVAL);
    set(machine, supported(machine));
    expect(setCr3(machine, 1n << 45n)).toBe(0);
    expect(setCr3(machine, 1n << 46n)).toBe(-ERRNO.EINVAL);
  });
});
