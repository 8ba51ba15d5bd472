import type { KvmDriver } from "@likex/kvm-client";
import { MicroVm, type Personality, type RunOptions, type RunResult } from "@likex/vmm-runner";
import type { Guest } from "./guests.ts";
import { programBytes } from "./program.ts";

/** What a guest did, in terms that do not depend on how a driver groups transfers into exits. */
export interface Observation {
  /** Transfers in order: `out2 3f8 1234`, `in1 60 21`, `write4 e0004 11223344`, `read1 e0010 10`. */
  readonly transfers: readonly string[];
  readonly result: RunResult;
  /** The machine as the guest left it. */
  readonly vm: MicroVm;
}

const hex = (value: number): string => value.toString(16);

function littleEndian(data: Uint8Array): string {
  return Array.from(data, (byte) => byte.toString(16).padStart(2, "0"))
    .reverse()
    .join("");
}

/** Runs a guest with devices on all ports and on all addresses without memory: they answer with a count. */
export function observe(
  driver: KvmDriver,
  guest: Guest,
  personality: Personality,
  options: RunOptions = {},
): Observation {
  const transfers: string[] = [];
  let count = 0;
  const vm = MicroVm.create(driver, {
    personality,
    console: "none",
    image: { bytes: programBytes(guest.name), loadAddress: guest.loadAddress },
    memory: guest.memory,
    registers: guest.registers ?? {},
    ports: [
      {
        first: 0,
        last: 0xffff,
        handler: {
          write: (port, size, value) => transfers.push(`out${size} ${hex(port)} ${hex(value)}`),
          read(port, size) {
            count += 1;
            const value = Number.parseInt(hex(0x20 + count).repeat(size), 16);
            transfers.push(`in${size} ${hex(port)} ${hex(value)}`);
            return value;
          },
        },
      },
    ],
    mmio: [
      {
        address: 0,
        length: 2 ** 40,
        handler: {
          write: (address, data) => transfers.push(`write${data.length} ${hex(address)} ${littleEndian(data)}`),
          read(address, data) {
            for (let index = 0; index < data.length; index += 1) data[index] = address + index;
            transfers.push(`read${data.length} ${hex(address)} ${littleEndian(data)}`);
          },
        },
      },
    ],
  });
  for (const { address, bytes } of guest.contents ?? []) vm.writeMemory(address, Uint8Array.from(bytes));
  return { transfers, result: vm.run(options), vm };
}
