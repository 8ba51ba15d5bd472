import type { PortHandler, PortSize } from "./bus.ts";

/** A device whose registers are eight bits wide, by their offset from its first port. */
export interface ByteRegisters {
  readByte(offset: number): number;
  writeByte(offset: number, value: number): void;
}

/**
 * Puts eight-bit registers on `count` ports from `first` on. A wider access is one to each port in turn, lowest first, as
 * an eight-bit device on the ISA bus gets it; ports behind the last read as all ones and take every write.
 */
export function byteRegisterPorts(device: ByteRegisters, first: number, count: number): PortHandler {
  return {
    read(port: number, size: PortSize): number {
      const offset = port - first;
      if (size === 1) return device.readByte(offset);
      let value = 0;
      for (let i = 0; i < size; i += 1) {
        const byte = offset + i < count ? device.readByte(offset + i) : 0xff;
        value |= byte << (8 * i);
      }
      return value >>> 0;
    },
    write(port: number, size: PortSize, value: number): void {
      const offset = port - first;
      for (let i = 0; i < size && offset + i < count; i += 1) device.writeByte(offset + i, (value >>> (8 * i)) & 0xff);
    },
  };
}
