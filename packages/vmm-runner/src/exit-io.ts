import type { MmioBus, PortBus, PortHandler, PortSize } from "@likex/devices";
import type { IoExit, MmioExit } from "@likex/kvm-client";

const ALL_ONES: Readonly<Record<number, number>> = { 1: 0xff, 2: 0xffff, 4: 0xffff_ffff };

/** Each transfer of a port exit, in order. A port without a device reads as all ones and takes every write. */
export function handlePortExit(exit: IoExit, buses: readonly PortBus[]): void {
  const { port, count, data, direction } = exit;
  const size = exit.size as PortSize;
  const handler = findPort(buses, port);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  for (let index = 0; index < count; index += 1) {
    if (direction === "out") handler?.write?.(port, size, get(view, index * size, size));
    else set(view, index * size, size, handler?.read?.(port, size) ?? ALL_ONES[size] ?? 0);
  }
}

function findPort(buses: readonly PortBus[], port: number): PortHandler | undefined {
  for (const bus of buses) {
    const handler = bus.find(port);
    if (handler !== undefined) return handler;
  }
  return undefined;
}

function get(view: DataView, at: number, size: PortSize): number {
  if (size === 1) return view.getUint8(at);
  return size === 2 ? view.getUint16(at, true) : view.getUint32(at, true);
}

function set(view: DataView, at: number, size: PortSize, value: number): void {
  if (size === 1) view.setUint8(at, value);
  else if (size === 2) view.setUint16(at, value, true);
  else view.setUint32(at, value, true);
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
