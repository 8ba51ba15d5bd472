import {
  type ByteRegisters,
  byteRegisterPorts,
  PortBus,
  type PortHandler,
  UART16550_PORTS,
  Uart16550,
} from "@likex/devices";
import type { Personality } from "./config.ts";

/**
 * What becomes of the guest's output ports.
 *
 * - `serial`: a 16550 UART at ports 0x3f8 to 0x3ff (COM1), whose transmitted bytes are the output.
 * - `likex`: every byte written to any port becomes `exit io:`, the byte, a blank and a newline, as LiKeX's own VMM prints it.
 * - `none`: only the devices of the configuration.
 */
export type Console = "serial" | "likex" | "none";

/** The device that `/dev/kvm` users and LiKeX's own test program expect. */
export const DEFAULT_CONSOLE: Readonly<Record<Personality, Console>> = { kvm: "serial", rust_kvm: "likex" };

const COM1 = 0x3f8;

type Sink = (bytes: Uint8Array) => void;

/** The next byte for the guest, 0 to 255; below 0 there is none now. */
export type InputSource = () => number;

/** A UART whose line is asked for what has arrived each time that the guest looks at a register: it looks where it waits. */
class FedUart implements ByteRegisters {
  readonly #uart: Uart16550;
  readonly #input: InputSource;

  constructor(uart: Uart16550, input: InputSource) {
    this.#uart = uart;
    this.#input = input;
  }

  readByte(offset: number): number {
    while (this.#uart.room > 0) {
      const byte = this.#input();
      if (byte < 0) break;
      this.#uart.receive(byte & 0xff);
    }
    return this.#uart.readByte(offset);
  }

  writeByte(offset: number, value: number): void {
    this.#uart.writeByte(offset, value);
  }
}

function serial(sink: Sink, input: InputSource | undefined): PortHandler {
  const piece = new Uint8Array(1);
  const uart = new Uart16550({
    transmit: (byte) => {
      piece[0] = byte;
      sink(piece);
    },
  });
  return byteRegisterPorts(input === undefined ? uart : new FedUart(uart, input), COM1, UART16550_PORTS);
}

function likex(sink: Sink): PortHandler {
  const line = new TextEncoder().encode("exit io:? \n");
  const at = line.indexOf(0x3f);
  return {
    write(_port, _size, value) {
      line[at] = value;
      sink(line);
    },
  };
}

/** The console's ports; a device of the configuration on the same port goes before it. */
export function consolePorts(console: Console, sink: Sink, input: InputSource | undefined): PortBus {
  const bus = new PortBus();
  if (console === "serial") bus.add({ first: COM1, last: COM1 + UART16550_PORTS - 1 }, serial(sink, input));
  else if (console === "likex") bus.add({ first: 0, last: 0xffff }, likex(sink));
  return bus;
}
