import type { Personality, RegisterValues } from "@likex/vmm-runner";
import type { GUESTS } from "./guests.ts";

/** What a guest must have done when it stops. */
export interface Expectation {
  readonly transfers: readonly string[];
  readonly reason: string;
  readonly rip: bigint;
  readonly registers?: RegisterValues;
  readonly memory?: readonly { readonly address: number; readonly bytes: readonly number[] }[];
}

type GuestKey = keyof typeof GUESTS;

const digitAndNewline = ["out1 3f8 34", "out1 3f8 a"];
const registers = { rax: 0x0an, rbx: 2n, rdx: 0x3f8n, rflags: 2n };

const ports = [
  "out1 80 44",
  "out2 81 3344",
  "out4 82 11223344",
  "out1 1234 44",
  "out2 1234 3344",
  "out4 1234 11223344",
  "in1 90 21",
  "out4 80 11223321",
  "in2 91 2222",
  "out4 80 11222222",
  "in4 92 23232323",
  "out4 80 23232323",
  "in1 abcd 24",
  "out4 80 23232324",
  "in2 abcd 2525",
  "out4 80 23232525",
  "in4 abcd 26262626",
  "out4 80 26262626",
];

const sendBytes = (bytes: readonly number[]): string[] => bytes.map((byte) => `out1 3f8 ${byte.toString(16)}`);
const READ_BYTES = [0x21, 0x22, 0x22, 0x23, 0x23, 0x23, 0x23, 0x24, 0x24, 0x25, 0x25, 0x26, 0x26];
const strings = [
  ...sendBytes([...new TextEncoder().encode("Hello, KVM\n")]),
  "out1 3f8 48",
  "out2 3f8 6c65",
  "out4 3f8 202c6f6c",
  "in1 60 21",
  "in2 60 2222",
  "in4 60 23232323",
  "in2 60 2424",
  "in2 60 2525",
  "in2 60 2626",
  ...sendBytes(READ_BYTES),
  ...sendBytes([0x0a, 0x4d]),
];

const mmio = [
  "write1 e0000 44",
  "write2 e0002 3344",
  "write4 e0004 11223344",
  "write1 e0008 55",
  "read1 e0010 10",
  "read2 e0012 1312",
  "read4 e0014 17161514",
  "read1 e0020 20",
  "write1 e0020 32",
  "read2 e0030 3130",
];

/** The same on both device files. */
const SAME: Readonly<Partial<Record<GuestKey, Expectation>>> = {
  add: { transfers: digitAndNewline, reason: "hlt", rip: 0x0cn, registers },
  ports: { transfers: ports, reason: "hlt", rip: 0x35n, registers: { rax: 0x26262626n, rdx: 0xabcdn } },
  strings: {
    transfers: strings,
    reason: "hlt",
    rip: 0x103cn,
    registers: { rcx: 0n, rsi: 0x1044n, rdi: 0x200dn, rflags: 0x402n },
    memory: [{ address: 0x2000, bytes: [...READ_BYTES, 0] }],
  },
  tripleFault: { transfers: [], reason: "shutdown", rip: 0x100an },
  loop: { transfers: [], reason: "interrupted", rip: 0n, registers: { rax: 500n } },
};

/** What differs. LiKeX stops at an undefined instruction, and leaves instructions on device memory to the VMM. */
export const EXPECTATIONS: Readonly<Record<Personality, Readonly<Partial<Record<GuestKey, Expectation>>>>> = {
  kvm: {
    ...SAME,
    cpuid: {
      transfers: digitAndNewline,
      reason: "hlt",
      rip: 0x13n,
      registers: { rax: 0xdn, rbx: 0x756e6547n, rcx: 0x6c65746en, rdx: 0x49656e69n, rflags: 6n },
    },
    echo: {
      transfers: ["out1 3f8 35", "in1 3f8 21", "write1 8000 00", "read1 8000 00"],
      reason: "hlt",
      rip: 0x1018n,
      registers: { rax: 0x21n, rdx: 0x300n },
    },
    slots: {
      transfers: ["write2 20010 ffff", "out2 10 1234", "out2 11 2345"],
      reason: "hlt",
      rip: 0x1027n,
      memory: [
        { address: 0x1_0020, bytes: [0x45, 0x23] },
        { address: 0x2_0010, bytes: [0x34, 0x12, 0x11, 0x11] },
      ],
    },
    mmio: {
      transfers: mmio,
      reason: "hlt",
      rip: 0x1030n,
      registers: { rax: 0x11223310n, rbx: 0x1312n, rcx: 0x17161514n, rdx: 0x3130n, rsp: 0x1000n },
    },
    handler: { transfers: ["out1 10 41", "out1 10 42"], reason: "hlt", rip: 0x1016n },
    ud2: { transfers: [], reason: "internalError", rip: 3n },
  },
  rust_kvm: {
    ...SAME,
    cpuid: {
      transfers: digitAndNewline,
      reason: "hlt",
      rip: 0x13n,
      registers: { rbx: 0x756e6547n, rcx: 0x6c65746en, rdx: 0x49656e69n },
    },
    echo: { transfers: ["out1 3f8 35", "in1 3f8 21"], reason: "deviceMemory", rip: 0x1009n },
    slots: {
      transfers: [],
      reason: "deviceMemory",
      rip: 0x1015n,
      memory: [{ address: 0x2_0010, bytes: [0x34, 0x12, 0x11, 0x11] }],
    },
    mmio: { transfers: [], reason: "deviceMemory", rip: 0x100bn },
    handler: { transfers: [], reason: "internalError", rip: 0x100fn },
    ud2: { transfers: [], reason: "internalError", rip: 3n },
  },
};

/**
 * Guests whose end the manuals leave to the machine that runs them: where a loop is when time runs out, an event without a
 * stack, and what CPUID tells.
 */
export const MACHINE_DEPENDENT: ReadonlySet<GuestKey> = new Set(["loop", "ud2", "cpuid"]);
