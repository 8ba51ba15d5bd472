import { describe, expect, it } from "vitest";
import { type ByteRegisters, byteRegisterPorts } from "../src/byte-registers.ts";
import { DEBUG_EXIT, DebugExit } from "../src/debug-exit.ts";
import { InterruptLine } from "../src/interrupt-line.ts";

describe("DebugExit", () => {
  it.each([
    [0, 1],
    [1, 3],
    [0x31, 0x63],
    [0x8000_0000, 1],
    [0x7fff_ffff, 0xffff_ffff],
  ])("reports a write of %i as %i", (value, code) => {
    const codes: number[] = [];
    const device = new DebugExit((reported) => codes.push(reported));
    device.write(DEBUG_EXIT.port, 4, value);
    expect(codes).toEqual([code]);
  });

  it("reads as 0 and reports nothing for it", () => {
    const codes: number[] = [];
    expect(new DebugExit((code) => codes.push(code)).read()).toBe(0);
    expect(codes).toEqual([]);
  });
});

describe("InterruptLine", () => {
  it("tells changes alone", () => {
    const levels: boolean[] = [];
    const line = new InterruptLine((isAsserted) => levels.push(isAsserted));
    for (const level of [false, true, true, false, false, true]) line.drive(level);
    expect(levels).toEqual([true, false, true]);
    expect(line.isAsserted).toBe(true);
  });

  it("needs no listener", () => {
    const line = new InterruptLine();
    line.drive(true);
    expect(line.isAsserted).toBe(true);
  });
});

describe("byteRegisterPorts", () => {
  class Recorder implements ByteRegisters {
    readonly accesses: string[] = [];

    readByte(offset: number): number {
      this.accesses.push(`read ${offset}`);
      return 0xf0 + offset;
    }

    writeByte(offset: number, value: number): void {
      this.accesses.push(`write ${offset} ${value.toString(16)}`);
    }
  }

  it("splits wide accesses into bytes, lowest port first", () => {
    const device = new Recorder();
    const ports = byteRegisterPorts(device, 0x3f8, 8);
    expect(ports.read?.(0x3f9, 1)).toBe(0xf1);
    expect(ports.read?.(0x3f8, 4)).toBe(0xf3f2_f1f0);
    ports.write?.(0x3fa, 2, 0x1234);
    expect(device.accesses).toEqual([
      "read 1",
      ...["read 0", "read 1", "read 2", "read 3"],
      ...["write 2 34", "write 3 12"],
    ]);
  });

  it("gives the device none of the ports behind its last", () => {
    const device = new Recorder();
    const ports = byteRegisterPorts(device, 0x3f8, 8);
    expect(ports.read?.(0x3ff, 4)).toBe(0xffff_fff7);
    ports.write?.(0x3fe, 4, 0x4433_2211);
    expect(device.accesses).toEqual(["read 7", "write 6 11", "write 7 22"]);
  });
});
