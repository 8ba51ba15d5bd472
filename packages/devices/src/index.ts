/** Device models on a bus of ports and addresses, with interrupt lines. They know no KVM and have no clock. */

export {
  MmioBus,
  type MmioHandler,
  type MmioRange,
  PortBus,
  type PortHandler,
  type PortRange,
  type PortSize,
} from "./bus.ts";
export { type ByteRegisters, byteRegisterPorts } from "./byte-registers.ts";
export { DEBUG_EXIT, DebugExit } from "./debug-exit.ts";
export { DeviceError, InvalidHandlerRangeError } from "./errors.ts";
export { InterruptLine, type LineListener } from "./interrupt-line.ts";
export { Uart16550, type Uart16550Options } from "./uart16550.ts";
export { UART16550_PORTS } from "./uart16550-registers.ts";
