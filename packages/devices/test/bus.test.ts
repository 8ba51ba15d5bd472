import { describe, expect, it } from "vitest";
import { MmioBus, PortBus } from "../src/bus.ts";
import { InvalidHandlerRangeError } from "../src/errors.ts";

describe("PortBus", () => {
  it("finds a device on all of its ports and on no other", () => {
    const bus = new PortBus();
    const device = {};
    bus.add({ first: 0x3f8, last: 0x3ff }, device);
    expect(bus.find(0x3f7)).toBeUndefined();
    expect(bus.find(0x3f8)).toBe(device);
    expect(bus.find(0x3ff)).toBe(device);
    expect(bus.find(0x400)).toBeUndefined();
    expect(bus.find(0xffff)).toBeUndefined();
  });

  it("refuses a port that is taken, and takes no port of that range", () => {
    const bus = new PortBus();
    bus.add({ first: 0x61, last: 0x61 }, {});
    expect(() => bus.add({ first: 0x60, last: 0x64 }, {})).toThrow(InvalidHandlerRangeError);
    expect(bus.find(0x60)).toBeUndefined();
  });

  it.each([
    { first: 2, last: 1 },
    { first: -1, last: 1 },
    { first: 0, last: 0x1_0000 },
    { first: 0.5, last: 1 },
  ])("refuses the range $first to $last", (range) => {
    expect(() => new PortBus().add(range, {})).toThrow(InvalidHandlerRangeError);
  });
});

describe("MmioBus", () => {
  it("finds a device from its first to its last byte", () => {
    const bus = new MmioBus();
    const device = {};
    bus.add({ address: 0xd000_0000, length: 0x200 }, device);
    expect(bus.find(0xcfff_ffff)).toBeUndefined();
    expect(bus.find(0xd000_0000)).toBe(device);
    expect(bus.find(0xd000_01ff)).toBe(device);
    expect(bus.find(0xd000_0200)).toBeUndefined();
  });

  it("refuses overlapping and empty ranges", () => {
    const bus = new MmioBus();
    bus.add({ address: 0x1000, length: 0x1000 }, {});
    expect(() => bus.add({ address: 0x1fff, length: 1 }, {})).toThrow(/0x1000 to 0x1fff/);
    expect(() => bus.add({ address: 0x3000, length: 0 }, {})).toThrow(InvalidHandlerRangeError);
    expect(() => bus.add({ address: 0x2000, length: 1 }, {})).not.toThrow();
  });
});
