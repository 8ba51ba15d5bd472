import type { MmioBus, PortBus, PortSize } from "@likex/devices";
import type { IoExit, MmioExit } from "@likex/kvm-client";

const ALL_ONES: Readonly<Record<number, number>> = { 1: 0xff, 2: 0xffff, 4: 0xffff_ffff };

/**
 * Each transfer of a port exit, in order. A port without a device reads as all ones and takes every write. Nothing is
 * allocated: a guest may do this a million times a second.
 */
export function handlePortExit(exit: IoExit, devices: PortBus, console: PortBus): void {
  const { port, count, data, direction } = exit;
  const size = exit.size as PortSize;
  const handler = devices.find(port) ?? console.find(port);
  const end = count * size;
  if (direction === "out") {
    for (let at = 0; at < end; at += size) handler?.write?.(port, size, get(data, at, size));
  } else {
    for (let at = 0; at < end; at += size) set(data, at, size, handler?.read?.(port, size) ?? ALL_ONES[size] ?? 0);
  }
}

function get(data: Uint8Array, at: number, size: PortSize): number {
  const first = data[at] as number;
  if (size === 1) return first;
  const word = first | ((data[at + 1] as number) << 8);
  if (size === 2) return word;
  return (word | ((data[at + 2] as number) << 16) | ((data[at + 3] as number) << 24)) >>> 0;
}

function set(data: Uint8Array, at: number, size: PortSize, value: number): void {
  data[at] = value;
  if (size === 1) return;
  data[at + 1] = value >>> 8;
  if (size === 2) return;
  data[at + 2] = value >>> 16;
  data[at + 3] = value >>> 24;
}

/** Addresses without a device read as all ones and take every write. */
export function handleMmioExit({ physAddr, data, isWrite }: MmioExit, bus: MmioBus): void {
  const handler = bus.find(physAddr);
  if (isWrite) {
    handler?.write?.(physAddr, data);
  } else {
    data.fill(0xff);
    handler?.read?.(physAddr, data);
  }
}
