import type { MemorySlot, RegisterValues } from "@likex/vmm-runner";

/** A guest program of `programs/`, and the machine that it wants. */
export interface Guest {
  /** File name without extension. */
  readonly name: string;
  /** Guest-physical address of the first byte and of the first instruction. */
  readonly loadAddress: number;
  readonly memory: readonly MemorySlot[];
  readonly registers?: RegisterValues;
  /** What is in memory beside the program. */
  readonly contents?: readonly { readonly address: number; readonly bytes: readonly number[] }[];
}

const onePage: readonly MemorySlot[] = [{ slot: 0, guestAddress: 0, size: 0x1000 }];
const lowMemory: readonly MemorySlot[] = [{ slot: 0, guestAddress: 0, size: 0x1_0000 }];

export const GUESTS = {
  add: { name: "add", loadAddress: 0, memory: onePage, registers: { rax: 2, rbx: 2 } },
  cpuid: { name: "cpuid", loadAddress: 0, memory: onePage, registers: { rax: 2, rbx: 2 } },
  echo: {
    name: "echo",
    loadAddress: 0x1000,
    memory: [{ slot: 0, guestAddress: 0x1000, size: 0x4000 }],
    registers: { rax: 2, rbx: 3 },
  },
  slots: {
    name: "slots",
    loadAddress: 0x1000,
    memory: [
      { slot: 0, guestAddress: 0x1000, size: 0x1000 },
      { slot: 1, guestAddress: 0x1_0000, size: 0x2000 },
      { slot: 7, guestAddress: 0x2_0000, size: 0x1000, readOnly: true },
    ],
    contents: [{ address: 0x2_0010, bytes: [0x34, 0x12, 0x11, 0x11] }],
  },
  ports: { name: "ports", loadAddress: 0, memory: onePage },
  strings: { name: "strings", loadAddress: 0x1000, memory: lowMemory },
  mmio: { name: "mmio", loadAddress: 0x1000, memory: lowMemory, registers: { rsp: 0x1000 } },
  loop: { name: "loop", loadAddress: 0, memory: onePage },
  tripleFault: { name: "triple-fault", loadAddress: 0x1000, memory: lowMemory },
  handler: { name: "handler", loadAddress: 0x1000, memory: lowMemory },
  ud2: { name: "ud2", loadAddress: 0, memory: onePage },
} as const satisfies Readonly<Record<string, Guest>>;
