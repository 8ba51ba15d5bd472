import type { ByteRegisters } from "./byte-registers.ts";
import type { InterruptLine } from "./interrupt-line.ts";
import { FCR, IER, IIR, LCR, LSR, MCR, MSR, REGISTER, TRIGGER_LEVELS } from "./uart16550-registers.ts";

/** What a {@link Uart16550} is connected to. */
export interface Uart16550Options {
  /** Takes each transmitted byte, at the moment the guest writes it. */
  readonly transmit?: (byte: number) => void;
  /** The INTR pin. */
  readonly interrupt?: InterruptLine;
}

// Copies: compilers load a field of an imported object anew at each use, and know a constant of the file.
const {
  data: DATA,
  interruptEnable: INTERRUPT_ENABLE,
  interruptIdentification: INTERRUPT_IDENTIFICATION,
  lineControl: LINE_CONTROL,
  lineStatus: LINE_STATUS,
  modemControl: MODEM_CONTROL,
  modemStatus: MODEM_STATUS,
  scratch: SCRATCH,
} = REGISTER;
const { none: NO_REQUEST } = IIR;
const FIFO_BYTES = 16;
/** The other end is there and ready: clear to send, data set ready, carrier. */
const MODEM_READY = MSR.cts | MSR.dsr | MSR.carrier;
const MODEM_LEVELS = 0xf0;

/**
 * The UART of PCs: National's PC16550D, from the guest's side. The line has no speed: a written byte is sent at once, so
 * the transmitter is always empty, and a character that waits below the trigger level has timed out already.
 */
export class Uart16550 implements ByteRegisters {
  readonly #transmit: ((byte: number) => void) | undefined;
  readonly #interrupt: InterruptLine | undefined;
  readonly #received = new Uint8Array(FIFO_BYTES);
  #head = 0;
  #count = 0;
  #interruptEnable = 0;
  #fifoControl = 0;
  #lineControl = 0;
  #modemControl = 0;
  /** Bits of the line status register that stay until it is read. */
  #lineErrors = 0;
  #modemStatus: number = MODEM_READY;
  #scratch = 0;
  #divisor = 0;
  /** The transmitter became empty, and neither a read of the IIR nor a new byte took the request back. */
  #transmitterRequests = false;

  constructor({ transmit, interrupt }: Uart16550Options = {}) {
    this.#transmit = transmit;
    this.#interrupt = interrupt;
  }

  /** Bytes that {@link receive} takes before one would be lost: none in loop-back, which disconnects the line. */
  get room(): number {
    return (this.#modemControl & MCR.loop) !== 0 ? 0 : this.#space();
  }

  /** A character from the other end. Without room it is lost (FIFO) or replaces the one before (no FIFO): overrun. */
  receive(byte: number): void {
    if ((this.#modemControl & MCR.loop) !== 0) return; // SIN is disconnected (8.6.5)
    this.#push(byte);
    this.#update();
  }

  readByte(offset: number): number {
    const value = this.#read(offset);
    this.#update();
    return value;
  }

  writeByte(offset: number, value: number): void {
    this.#write(offset, value & 0xff);
    this.#update();
  }

  #read(offset: number): number {
    switch (offset) {
      case DATA:
        return this.#isDivisorLatch() ? this.#divisor & 0xff : this.#pop();
      case INTERRUPT_ENABLE:
        return this.#isDivisorLatch() ? this.#divisor >>> 8 : this.#interruptEnable;
      case INTERRUPT_IDENTIFICATION: {
        const identification = this.#identify();
        // Reading the register takes back the transmitter's request if it is the one that is shown (8.5).
        if (identification === IIR.transmitterEmpty) this.#transmitterRequests = false;
        return identification | (this.#hasFifos() ? IIR.fifosEnabled : 0);
      }
      case LINE_CONTROL:
        return this.#lineControl;
      case MODEM_CONTROL:
        return this.#modemControl;
      case LINE_STATUS: {
        const dataReady = this.#count > 0 ? LSR.dataReady : 0;
        const status = dataReady | this.#lineErrors | LSR.transmitterHoldingEmpty | LSR.transmitterEmpty;
        this.#lineErrors = 0;
        return status;
      }
      case MODEM_STATUS: {
        const status = this.#modemStatus;
        this.#modemStatus &= MODEM_LEVELS;
        return status;
      }
      case SCRATCH:
        return this.#scratch;
      default:
        return 0xff;
    }
  }

  #write(offset: number, value: number): void {
    switch (offset) {
      case DATA:
        if (this.#isDivisorLatch()) this.#divisor = (this.#divisor & 0xff00) | value;
        else this.#send(value);
        return;
      case INTERRUPT_ENABLE:
        if (this.#isDivisorLatch()) this.#divisor = (this.#divisor & 0xff) | (value << 8);
        else this.#setInterruptEnable(value & IER.mask);
        return;
      case INTERRUPT_IDENTIFICATION:
        this.#setFifoControl(value);
        return;
      case LINE_CONTROL:
        this.#lineControl = value;
        return;
      case MODEM_CONTROL:
        this.#modemControl = value & MCR.mask;
        this.#setModemLevels();
        return;
      case SCRATCH:
        this.#scratch = value;
        return;
      default:
        // Line and modem status: writes are for factory tests (8.3, 8.7).
        return;
    }
  }

  #send(value: number): void {
    if ((this.#modemControl & MCR.loop) !== 0) this.#push(value);
    else this.#transmit?.(value);
    this.#transmitterRequests = true;
  }

  #setInterruptEnable(value: number): void {
    // The transmitter is empty: enabling its interrupt asks for one at once.
    const isNew = (value & ~this.#interruptEnable & IER.transmitterEmpty) !== 0;
    this.#interruptEnable = value;
    if (isNew) this.#transmitterRequests = true;
  }

  #setFifoControl(value: number): void {
    const changesMode = ((value ^ this.#fifoControl) & FCR.enable) !== 0;
    // Other bits are taken only together with the enable bit; a change of mode clears the FIFOs (8.4).
    this.#fifoControl = (value & FCR.enable) === 0 ? 0 : value;
    if (changesMode || (this.#fifoControl & FCR.clearReceiver) !== 0) this.#count = 0;
  }

  /** In loop-back the modem's inputs are disconnected and get the four outputs instead (8.6.5). */
  #setModemLevels(): void {
    const control = this.#modemControl;
    const has = (output: number, input: number): number => ((control & output) === 0 ? 0 : input);
    const levels =
      (control & MCR.loop) === 0
        ? MODEM_READY
        : has(MCR.rts, MSR.cts) | has(MCR.dtr, MSR.dsr) | has(MCR.out1, MSR.ring) | has(MCR.out2, MSR.carrier);
    const changed = (levels ^ this.#modemStatus) & MODEM_LEVELS;
    // Ring reports its trailing edge alone; a level's delta bit is four below it.
    const deltas = (changed & ~(levels & MSR.ring)) >>> 4;
    this.#modemStatus = levels | deltas | (this.#modemStatus & ~MODEM_LEVELS);
  }

  #push(byte: number): void {
    if (this.#space() > 0) {
      this.#received[(this.#head + this.#count) % FIFO_BYTES] = byte;
      this.#count += 1;
      return;
    }
    this.#lineErrors |= LSR.overrun;
    // Without FIFOs the new character takes the place of the old one; with them the shift register's is lost (8.3).
    if (!this.#hasFifos()) this.#received[this.#head] = byte;
  }

  #pop(): number {
    const byte = this.#received[this.#head] as number;
    if (this.#count === 0) return byte;
    this.#count -= 1;
    if (this.#hasFifos()) this.#head = (this.#head + 1) % FIFO_BYTES;
    return byte;
  }

  #identify(): number {
    const enabled = this.#interruptEnable;
    if (enabled === 0) return NO_REQUEST;
    if ((enabled & IER.lineStatus) !== 0 && this.#lineErrors !== 0) return IIR.lineStatus;
    if ((enabled & IER.receivedData) !== 0 && this.#count > 0) {
      return this.#count >= this.#trigger() ? IIR.receivedData : IIR.characterTimeout;
    }
    if ((enabled & IER.transmitterEmpty) !== 0 && this.#transmitterRequests) return IIR.transmitterEmpty;
    if ((enabled & IER.modemStatus) !== 0 && (this.#modemStatus & ~MODEM_LEVELS) !== 0) return IIR.modemStatus;
    return NO_REQUEST;
  }

  #update(): void {
    this.#interrupt?.drive(this.#identify() !== NO_REQUEST);
  }

  #isDivisorLatch(): boolean {
    return (this.#lineControl & LCR.divisorLatch) !== 0;
  }

  #hasFifos(): boolean {
    return (this.#fifoControl & FCR.enable) !== 0;
  }

  #space(): number {
    return (this.#hasFifos() ? FIFO_BYTES : 1) - this.#count;
  }

  #trigger(): number {
    return this.#hasFifos() ? (TRIGGER_LEVELS[this.#fifoControl >>> FCR.triggerShift] as number) : 1;
  }
}
