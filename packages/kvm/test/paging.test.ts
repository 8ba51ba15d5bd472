import { bytesOf, KVM_EXIT, KVM_IOCTL } from "@likex/kvm-abi";
import { describe, expect, it } from "vitest";
import { Machine, type PersonalityName } from "./machine.ts";

const { KVM_SET_SREGS } = KVM_IOCTL;

/** Guest-physical memory beside the code's: tables and data. In the user's memory it follows the code's slot. */
const TABLES = 0x10000;
const IN_MEMORY = 0x4000;
const [ROOT, OTHER_ROOT, DIRECTORY, TABLE, OTHER_DIRECTORY, OTHER_TABLE, DATA, OTHER_DATA] = [
  0x10000, 0x11000, 0x12000, 0x13000, 0x14000, 0x15000, 0x16000, 0x17000,
] as const;
const LINEAR = 0x1000;
const CR0_PE = 0x11n;
const CR0_PAGING = 0x80000011n;
const OPEN = 7;

/** mov al,[LINEAR]; out 0x80,al; hlt */
const READ = [0xa0, 0, LINEAR >> 8, 0, 0, 0xe6, 0x80, 0xf4];
const word = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
const movToCr3 = (value: number): number[] => [0xb8, ...word(value), 0x0f, 0x22, 0xd8];
/** mov eax,cr0; or eax,0x80000000; mov cr0,eax */
const TURN_ON = [0x0f, 0x20, 0xc0, 0x0d, 0, 0, 0, 0x80, 0x0f, 0x22, 0xc0];

describe.each<PersonalityName>(["kvm", "rust_kvm"])("paging of a 32-bit guest of %s", (personality) => {
  const setUp = (code: readonly number[], registers: { cr0: bigint; cr4: bigint }): Machine => {
    const machine = new Machine(code, { personality });
    const { memory } = machine;
    machine.region({
      slot: 1,
      guest_phys_addr: BigInt(TABLES),
      memory_size: 0x8000n,
      userspace_addr: memory.address + BigInt(IN_MEMORY),
    });
    const entryBytes = registers.cr4 === 0n ? 4 : 8;
    const write = (table: number, index: number, entry: number): void =>
      memory.write(table - TABLES + IN_MEMORY + index * entryBytes, Uint8Array.from(word(entry)));
    const address = entryBytes === 4 ? [ROOT, OTHER_ROOT] : [DIRECTORY, OTHER_DIRECTORY];
    if (entryBytes === 8) {
      write(ROOT, 0, DIRECTORY | 1);
      write(OTHER_ROOT, 0, OTHER_DIRECTORY | 1);
    }
    for (const [i, directory] of address.entries()) {
      const table = i === 0 ? TABLE : OTHER_TABLE;
      write(directory, 0, table | OPEN);
      write(table, 0, OPEN);
      write(table, 1, (i === 0 ? DATA : OTHER_DATA) | OPEN);
    }
    write(DATA, 0, 0x55);
    write(OTHER_DATA, 0, 0x66);
    const sregs = machine.sregs();
    for (const segment of [sregs.cs, sregs.ds, sregs.ss, sregs.es])
      Object.assign(segment, { base: 0n, limit: 0xffff_ffff, db: 1, g: 1 });
    sregs.idt.limit = 0;
    Object.assign(sregs, { ...registers, cr3: BigInt(ROOT) });
    expect(machine.kvm.ioctl(machine.vcpu, KVM_SET_SREGS, bytesOf(sregs))).toBe(0);
    return machine;
  };
  const expectOut = (machine: Machine, value: number): void => {
    expect(machine.step()).toBe(KVM_EXIT.IO);
    expect(machine.describe()).toMatchObject({ io: "out", port: 0x80, data: [value] });
  };

  describe.each([
    ["32-bit paging", 0n],
    ["PAE paging", 0x20n],
  ])("%s", (_name, cr4) => {
    it("begins with KVM_SET_SREGS", () => {
      expectOut(setUp(READ, { cr0: CR0_PAGING, cr4 }), 0x55);
    });

    it("begins with MOV to CR0", () => {
      expectOut(setUp([...TURN_ON, ...READ], { cr0: CR0_PE, cr4 }), 0x55);
    });

    it("goes on with the tables of a MOV to CR3", () => {
      expectOut(setUp([...movToCr3(OTHER_ROOT), ...READ], { cr0: CR0_PAGING, cr4 }), 0x66);
    });

    it("marks the entries of the walk accessed, and the page's dirty when it is written", () => {
      // mov [LINEAR],al; hlt
      const machine = setUp([0xa2, 0, LINEAR >> 8, 0, 0, 0xf4], { cr0: CR0_PAGING, cr4 });
      expect(machine.step()).toBe(KVM_EXIT.HLT);
      const at = IN_MEMORY + TABLE - TABLES + (cr4 === 0n ? 4 : 8);
      expect(machine.memory.read(at, 1)[0]).toBe(OPEN | 0x60);
    });
  });

  it("with a reserved bit in a PDPTE is refused by MOV to CR3, and with no memory there", () => {
    for (const root of [OTHER_ROOT + 0x20, 0x40000]) {
      const machine = setUp([...movToCr3(root), ...READ], { cr0: CR0_PAGING, cr4: 0x20n });
      machine.memory.write(IN_MEMORY + OTHER_ROOT + 0x38 - TABLES, Uint8Array.of(3));
      expect(machine.step()).toBe(KVM_EXIT.SHUTDOWN);
      expect(machine.sregs().cr3).toBe(BigInt(ROOT));
    }
  });
});

/** A 64-bit guest whose code is a supervisor's and whose page at LINEAR is a user's, with SMAP. */
const longGuest = (personality: PersonalityName, code: readonly number[]): Machine => {
  const machine = new Machine(code, { personality });
  const { memory } = machine;
  machine.region({
    slot: 1,
    guest_phys_addr: BigInt(TABLES),
    memory_size: 0x8000n,
    userspace_addr: memory.address + BigInt(IN_MEMORY),
  });
  const write = (table: number, index: number, entry: number): void =>
    memory.write(table - TABLES + IN_MEMORY + index * 8, Uint8Array.from(word(entry)));
  write(ROOT, 0, OTHER_ROOT | OPEN);
  write(OTHER_ROOT, 0, DIRECTORY | OPEN);
  write(DIRECTORY, 0, TABLE | OPEN);
  write(TABLE, 0, 3);
  write(TABLE, 1, DATA | OPEN);
  const sregs = machine.sregs();
  Object.assign(sregs.cs, { base: 0n, limit: 0xffff_ffff, l: 1, db: 0, g: 1 });
  sregs.idt.limit = 0;
  Object.assign(sregs, { cr0: CR0_PAGING, cr3: BigInt(ROOT), cr4: 0x200020n, efer: 0x500n });
  expect(machine.kvm.ioctl(machine.vcpu, KVM_SET_SREGS, bytesOf(sregs))).toBe(0);
  return machine;
};

describe.each<PersonalityName>(["kvm", "rust_kvm"])("INS of a 64-bit guest of %s", (personality) => {
  const RFLAGS_AC = 1n << 18n;
  const ins = (rdi: bigint, rflags: bigint): Machine => {
    const machine = longGuest(personality, [0x6c, 0xf4]);
    machine.setRegs({ rdi, rdx: 0x80n, rflags: 2n | rflags });
    expect(machine.step()).toBe(KVM_EXIT.IO);
    machine.ioData[0] = 0x77;
    return machine;
  };

  it("obeys SMAP, unless EFLAGS.AC is set", () => {
    expect(ins(BigInt(LINEAR), 0n).step()).toBe(KVM_EXIT.SHUTDOWN);
    const machine = ins(BigInt(LINEAR), RFLAGS_AC);
    expect(machine.step()).toBe(KVM_EXIT.HLT);
    expect(machine.memory.read(IN_MEMORY + DATA - TABLES, 1)[0]).toBe(0x77);
  });

  it("faults at an address that is not canonical", () => {
    const machine = ins(0x8000_0000_0000n, RFLAGS_AC);
    expect(machine.step()).toBe(KVM_EXIT.SHUTDOWN);
    expect(machine.sregs().cr2).toBe(0n);
  });
});

describe.each<PersonalityName>(["kvm", "rust_kvm"])(
  "MOV to a control register in a 64-bit guest of %s",
  (personality) => {
    const NO_INVALIDATE = 1n << 63n;
    /** mov cr0, cr3 or cr4,rax; hlt */
    const move = (register: number, rax: bigint): Machine => {
      const machine = longGuest(personality, [0x0f, 0x22, 0xc0 | (register << 3), 0xf4]);
      machine.setRegs({ rax, rflags: 2n });
      return machine;
    };

    it.each<[string, number, bigint, number]>([
      ["CR3 takes the address of another table", 3, BigInt(ROOT | 8), KVM_EXIT.HLT],
      ["CR3 refuses an address beyond the physical ones", 3, BigInt(ROOT) | (1n << 46n), KVM_EXIT.SHUTDOWN],
      ["CR3 refuses bit 63 without PCIDs", 3, BigInt(ROOT) | NO_INVALIDATE, KVM_EXIT.SHUTDOWN],
      ["CR4 takes PCIDE with PCID 0", 4, 0x220020n, KVM_EXIT.HLT],
      ["CR0 refuses to turn paging off in 64-bit mode", 0, 0x11n, KVM_EXIT.SHUTDOWN],
    ])("%s", (_name, register, value, exit) => {
      expect(move(register, value).step()).toBe(exit);
    });

    it("CR4 refuses PCIDE while CR3 has a PCID, and CR3 drops bit 63 with it", () => {
      // mov cr3,rax; mov cr4,rbx; mov cr3,rcx; hlt
      const code = [0x0f, 0x22, 0xd8, 0x0f, 0x22, 0xe3, 0x0f, 0x22, 0xd9, 0xf4];
      for (const [pcid, exit] of [
        [1, KVM_EXIT.SHUTDOWN],
        [0, KVM_EXIT.HLT],
      ] as const) {
        const machine = longGuest(personality, code);
        machine.setRegs({
          rax: BigInt(ROOT | pcid),
          rbx: 0x220020n,
          rcx: BigInt(ROOT | 5) | NO_INVALIDATE,
          rflags: 2n,
        });
        expect(machine.step()).toBe(exit);
        expect(machine.sregs().cr3).toBe(BigInt(exit === KVM_EXIT.HLT ? ROOT | 5 : ROOT | 1));
      }
    });
  },
);
