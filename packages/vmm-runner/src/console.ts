import { PortBus, type PortHandler } from "./bus.ts";
import type { Personality } from "./config.ts";

/**
 * What becomes of the guest's output ports.
 *
 * - `serial`: bytes written to port 0x3f8 are the output; the port's status (0x3fd) always says ready to send.
 * - `likex`: every byte written to any port becomes `exit io:`, the byte, a blank and a newline, as LiKeX's own VMM prints it.
 * - `none`: only the devices of the configuration.
 */
export type Console = "serial" | "likex" | "none";

/** The device that `/dev/kvm` users and LiKeX's own test program expect. */
export const DEFAULT_CONSOLE: Readonly<Record<Personality, Console>> = { kvm: "serial", rust_kvm: "likex" };

const SERIAL_DATA = 0x3f8;
const LINE_STATUS = 0x3fd;
/** Transmitter holding register empty, transmitter empty (16550 data sheet, line status register). */
const READY_TO_SEND = 0x60;

type Sink = (bytes: Uint8Array) => void;

function serial(sink: Sink): PortHandler {
  const byte = new Uint8Array(1);
  return {
    write(_port, _size, value) {
      byte[0] = value;
      sink(byte);
    },
    read: () => 0,
  };
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
export function consolePorts(console: Console, sink: Sink): PortBus {
  const bus = new PortBus();
  if (console === "serial") {
    bus.add({ first: SERIAL_DATA, last: SERIAL_DATA }, serial(sink));
    bus.add({ first: LINE_STATUS, last: LINE_STATUS }, { read: () => READY_TO_SEND });
  } else if (console === "likex") {
    bus.add({ first: 0, last: 0xffff }, likex(sink));
  }
  return bus;
}
