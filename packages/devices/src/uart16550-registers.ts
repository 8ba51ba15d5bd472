/**
 * Offsets, bits and values of the registers of National Semiconductor's PC16550D ("PC16550D Universal Asynchronous
 * Receiver/Transmitter with FIFOs", table II and section 8).
 */

/** Offsets from the first port. 0 and 1 are the divisor latch while LCR.DLAB is 1. */
export const REGISTER = {
  /** Receiver buffer when read, transmitter holding register when written; divisor latch, low byte. */
  data: 0,
  /** Interrupt enable; divisor latch, high byte. */
  interruptEnable: 1,
  /** Interrupt identification when read, FIFO control when written. */
  interruptIdentification: 2,
  lineControl: 3,
  modemControl: 4,
  lineStatus: 5,
  modemStatus: 6,
  scratch: 7,
} as const;

/** Ports of the device. */
export const UART16550_PORTS = 8;

export const IER = { receivedData: 1, transmitterEmpty: 2, lineStatus: 4, modemStatus: 8, mask: 0x0f } as const;

/** Values of the interrupt identification register in the order of priority (table IV), and its FIFO bits. */
export const IIR = {
  lineStatus: 0x06,
  receivedData: 0x04,
  characterTimeout: 0x0c,
  transmitterEmpty: 0x02,
  modemStatus: 0x00,
  none: 0x01,
  fifosEnabled: 0xc0,
} as const;

export const FCR = { enable: 1, clearReceiver: 2, triggerShift: 6 } as const;

/** Received bytes at which the interrupt comes, by the top two bits of the FIFO control register. */
export const TRIGGER_LEVELS = [1, 4, 8, 14] as const;

export const LCR = { divisorLatch: 0x80 } as const;

export const MCR = { dtr: 1, rts: 2, out1: 4, out2: 8, loop: 0x10, mask: 0x1f } as const;

export const LSR = {
  dataReady: 1,
  overrun: 2,
  transmitterHoldingEmpty: 0x20,
  transmitterEmpty: 0x40,
} as const;

export const MSR = {
  deltaCts: 1,
  deltaDsr: 2,
  trailingEdgeRing: 4,
  deltaCarrier: 8,
  cts: 0x10,
  dsr: 0x20,
  ring: 0x40,
  carrier: 0x80,
} as const;
