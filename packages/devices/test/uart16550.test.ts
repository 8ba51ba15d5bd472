import { describe, expect, it } from "vitest";
import { InterruptLine } from "../src/interrupt-line.ts";
import { Uart16550 } from "../src/uart16550.ts";
import { FCR, IER, IIR, LCR, LSR, MCR, MSR, REGISTER } from "../src/uart16550-registers.ts";

const IDLE = LSR.transmitterHoldingEmpty | LSR.transmitterEmpty;

function connected(): { uart: Uart16550; sent: number[]; edges: boolean[]; line: InterruptLine } {
  const sent: number[] = [];
  const edges: boolean[] = [];
  const line = new InterruptLine((isAsserted) => edges.push(isAsserted));
  return { uart: new Uart16550({ transmit: (byte) => sent.push(byte), interrupt: line }), sent, edges, line };
}

function withFifos(triggerBits: number): ReturnType<typeof connected> {
  const parts = connected();
  parts.uart.writeByte(REGISTER.interruptIdentification, FCR.enable | (triggerBits << FCR.triggerShift));
  return parts;
}

const receive = (uart: Uart16550, count: number, from = 1): void => {
  for (let i = 0; i < count; i += 1) uart.receive(from + i);
};

const readAll = (uart: Uart16550): number[] => {
  const bytes: number[] = [];
  while ((uart.readByte(REGISTER.lineStatus) & LSR.dataReady) !== 0) bytes.push(uart.readByte(REGISTER.data));
  return bytes;
};

describe("registers of the 16550", () => {
  it("have their reset values (table III)", () => {
    const { uart, line } = connected();
    expect(uart.readByte(REGISTER.interruptEnable)).toBe(0);
    expect(uart.readByte(REGISTER.interruptIdentification)).toBe(IIR.none);
    expect(uart.readByte(REGISTER.lineControl)).toBe(0);
    expect(uart.readByte(REGISTER.modemControl)).toBe(0);
    expect(uart.readByte(REGISTER.lineStatus)).toBe(IDLE);
    expect(line.isAsserted).toBe(false);
  });

  it("keep what is written to scratch and line control, and the low bits of IER and MCR", () => {
    const { uart } = connected();
    uart.writeByte(REGISTER.scratch, 0xa5);
    expect(uart.readByte(REGISTER.scratch)).toBe(0xa5);
    uart.writeByte(REGISTER.lineControl, 0x1b);
    expect(uart.readByte(REGISTER.lineControl)).toBe(0x1b);
    uart.writeByte(REGISTER.interruptEnable, 0xfd);
    expect(uart.readByte(REGISTER.interruptEnable)).toBe(0x0d);
    uart.writeByte(REGISTER.modemControl, 0xef);
    expect(uart.readByte(REGISTER.modemControl)).toBe(0x0f);
  });

  it("show the divisor latch at offsets 0 and 1 while DLAB is set, and send nothing then", () => {
    const { uart, sent } = connected();
    uart.writeByte(REGISTER.lineControl, LCR.divisorLatch | 3);
    uart.writeByte(0, 0x34);
    uart.writeByte(1, 0x12);
    expect([uart.readByte(0), uart.readByte(1)]).toEqual([0x34, 0x12]);
    uart.writeByte(REGISTER.lineControl, 3);
    expect(uart.readByte(REGISTER.interruptEnable)).toBe(0);
    expect(sent).toEqual([]);
    uart.writeByte(0, 0x41);
    expect(sent).toEqual([0x41]);
  });

  it("ignore writes to both status registers", () => {
    const { uart } = connected();
    uart.writeByte(REGISTER.lineStatus, 0xff);
    uart.writeByte(REGISTER.modemStatus, 0xff);
    expect(uart.readByte(REGISTER.lineStatus)).toBe(IDLE);
    expect(uart.readByte(REGISTER.modemStatus)).toBe(MSR.cts | MSR.dsr | MSR.carrier);
  });
});

describe("receiver of the 16550", () => {
  it("holds one character without FIFOs, and shows an overrun once when the next replaces it", () => {
    const { uart } = connected();
    expect(uart.room).toBe(1);
    receive(uart, 2);
    expect(uart.room).toBe(0);
    expect(uart.readByte(REGISTER.lineStatus)).toBe(IDLE | LSR.dataReady | LSR.overrun);
    expect(uart.readByte(REGISTER.lineStatus)).toBe(IDLE | LSR.dataReady);
    expect(uart.readByte(REGISTER.data)).toBe(2);
    expect(uart.readByte(REGISTER.lineStatus)).toBe(IDLE);
  });

  it("holds 16 with FIFOs, in order, and loses the seventeenth", () => {
    const { uart } = withFifos(0);
    expect(uart.room).toBe(16);
    receive(uart, 17);
    expect(uart.readByte(REGISTER.lineStatus) & LSR.overrun).toBe(LSR.overrun);
    expect(readAll(uart)).toEqual(Array.from({ length: 16 }, (_, i) => i + 1));
    receive(uart, 3, 0x80);
    expect(readAll(uart)).toEqual([0x80, 0x81, 0x82]);
  });

  it("is emptied by the clear bit and by a change of mode; without the enable bit the clear bit does nothing", () => {
    const { uart } = withFifos(0);
    receive(uart, 4);
    uart.writeByte(REGISTER.interruptIdentification, FCR.enable | FCR.clearReceiver);
    expect(readAll(uart)).toEqual([]);
    receive(uart, 4);
    uart.writeByte(REGISTER.interruptIdentification, 0);
    expect(readAll(uart)).toEqual([]);
    expect(uart.readByte(REGISTER.interruptIdentification) & IIR.fifosEnabled).toBe(0);
    uart.receive(9);
    uart.writeByte(REGISTER.interruptIdentification, FCR.clearReceiver);
    expect(readAll(uart)).toEqual([9]);
  });

  it.each([
    [0, 1],
    [1, 4],
    [2, 8],
    [3, 14],
  ])("with trigger bits %i says data available from %i characters on, timeout below", (bits, level) => {
    const { uart, line } = withFifos(bits);
    uart.writeByte(REGISTER.interruptEnable, IER.receivedData);
    for (let count = 1; count <= 16; count += 1) {
      uart.receive(count);
      const expected = count < level ? IIR.characterTimeout : IIR.receivedData;
      expect(uart.readByte(REGISTER.interruptIdentification)).toBe(expected | IIR.fifosEnabled);
      expect(line.isAsserted).toBe(true);
    }
    readAll(uart);
    expect(line.isAsserted).toBe(false);
    expect(uart.readByte(REGISTER.interruptIdentification)).toBe(IIR.none | IIR.fifosEnabled);
  });
});

describe("interrupts of the 16550", () => {
  it("come for an empty transmitter when enabled, end with the IIR's read, and come again after each character", () => {
    const { uart, edges } = connected();
    uart.writeByte(REGISTER.interruptEnable, IER.transmitterEmpty);
    expect(uart.readByte(REGISTER.interruptIdentification)).toBe(IIR.transmitterEmpty);
    expect(uart.readByte(REGISTER.interruptIdentification)).toBe(IIR.none);
    uart.writeByte(REGISTER.data, 0x41);
    expect(uart.readByte(REGISTER.interruptIdentification)).toBe(IIR.transmitterEmpty);
    expect(edges).toEqual([true, false, true, false]);
  });

  it("do not take the transmitter's request back when the IIR shows something more urgent", () => {
    const { uart } = connected();
    uart.writeByte(REGISTER.interruptEnable, IER.transmitterEmpty | IER.receivedData);
    uart.receive(1);
    expect(uart.readByte(REGISTER.interruptIdentification)).toBe(IIR.receivedData);
    uart.readByte(REGISTER.data);
    expect(uart.readByte(REGISTER.interruptIdentification)).toBe(IIR.transmitterEmpty);
  });

  it("are shown one by one in the order of priority (table IV), each ended by its own register", () => {
    const { uart, line } = connected();
    uart.writeByte(REGISTER.modemControl, MCR.loop);
    uart.readByte(REGISTER.modemStatus);
    uart.writeByte(REGISTER.data, 1);
    uart.writeByte(REGISTER.data, 2); // overrun
    uart.writeByte(REGISTER.modemControl, MCR.loop | MCR.rts);
    uart.writeByte(REGISTER.interruptEnable, IER.mask);
    const next = (): number => uart.readByte(REGISTER.interruptIdentification);
    expect(next()).toBe(IIR.lineStatus);
    uart.readByte(REGISTER.lineStatus);
    expect(next()).toBe(IIR.receivedData);
    uart.readByte(REGISTER.data);
    expect(next()).toBe(IIR.transmitterEmpty);
    expect(next()).toBe(IIR.modemStatus);
    expect(line.isAsserted).toBe(true);
    uart.readByte(REGISTER.modemStatus);
    expect(next()).toBe(IIR.none);
    expect(line.isAsserted).toBe(false);
  });

  it("follow IER: a disabled source shows nothing, and the line falls when it is disabled", () => {
    const { uart, line } = connected();
    uart.receive(7);
    expect(line.isAsserted).toBe(false);
    uart.writeByte(REGISTER.interruptEnable, IER.receivedData);
    expect(line.isAsserted).toBe(true);
    uart.writeByte(REGISTER.interruptEnable, 0);
    expect(line.isAsserted).toBe(false);
    expect(uart.readByte(REGISTER.interruptIdentification)).toBe(IIR.none);
  });
});

describe("loop-back of the 16550", () => {
  it("gives the transmitter's characters to the receiver and nothing to the line, nor the line's to the guest", () => {
    const { uart, sent } = withFifos(0);
    uart.writeByte(REGISTER.modemControl, MCR.loop);
    expect(uart.room).toBe(0);
    uart.writeByte(REGISTER.data, 0x55);
    uart.receive(0x66);
    expect(readAll(uart)).toEqual([0x55]);
    expect(sent).toEqual([]);
  });

  it.each([
    ["RTS", MCR.rts, MSR.cts],
    ["DTR", MCR.dtr, MSR.dsr],
    ["OUT1", MCR.out1, MSR.ring],
    ["OUT2", MCR.out2, MSR.carrier],
  ])("shows %s in the modem status register", (_name, output, input) => {
    const { uart } = connected();
    uart.writeByte(REGISTER.modemControl, MCR.loop);
    uart.readByte(REGISTER.modemStatus);
    uart.writeByte(REGISTER.modemControl, MCR.loop | output);
    expect(uart.readByte(REGISTER.modemStatus) & 0xf0).toBe(input);
  });

  it("sets the delta of each changed input, for ring at its trailing edge alone, until the register is read", () => {
    const { uart } = connected();
    uart.writeByte(REGISTER.modemControl, MCR.loop);
    expect(uart.readByte(REGISTER.modemStatus)).toBe(MSR.deltaCts | MSR.deltaDsr | MSR.deltaCarrier);
    uart.writeByte(REGISTER.modemControl, MCR.loop | MCR.out1);
    expect(uart.readByte(REGISTER.modemStatus)).toBe(MSR.ring);
    uart.writeByte(REGISTER.modemControl, MCR.loop);
    expect(uart.readByte(REGISTER.modemStatus)).toBe(MSR.trailingEdgeRing);
    uart.writeByte(REGISTER.modemControl, 0);
    uart.writeByte(REGISTER.modemControl, MCR.loop);
    expect(uart.readByte(REGISTER.modemStatus)).toBe(MSR.deltaCts | MSR.deltaDsr | MSR.deltaCarrier);
  });
});

it("a 16550 survives any accesses and never asserts its line without a shown source", () => {
  const { uart, line } = connected();
  let seed = 0x1234_5678;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  for (let i = 0; i < 20_000; i += 1) {
    const offset = random(9);
    if (random(3) === 0) uart.receive(random(256));
    else if (random(2) === 0) uart.writeByte(offset, random(256));
    else {
      const value = uart.readByte(offset);
      expect(value).toBeGreaterThanOrEqual(0);
      expect(value).toBeLessThan(256);
    }
    const isAsserted = line.isAsserted;
    expect((uart.readByte(REGISTER.interruptIdentification) & 0x3f) !== IIR.none).toBe(isAsserted);
  }
});
