import { CPU_BASED } from "./controls.ts";
import type { Exits } from "./exits.ts";
import { type Guest, OUTCOME } from "./guest.ts";
import type { GuestState } from "./guest-state.ts";
import { EXIT_REASON } from "./numbers.ts";
import type { VmxCpu } from "./processor.ts";
import type { Vmcs } from "./vmcs.ts";
import { VMCS_OFFSET as F } from "./vmcs-fields.ts";

/** The I/O ports that a guest reaches when its controls let a port access through. */
export interface VmxPorts {
  /** Returns `size` (1, 2 or 4) bytes as an unsigned number. */
  read(port: number, size: number): number;
  write(port: number, size: number, value: number): void;
}

const RAX = 0;
const RCX = 1;
const RSI = 6;
const RDI = 7;
const ES = 0;
/** Exit qualification of an I/O instruction (SDM Vol 3C, table 27-5). */
const SIZE_MINUS_1 = 7;
const IS_IN = 8;
const IS_STRING = 16;
const PORT_SHIFT = 16;
// Copies for the way of each exit: compilers load a field of an imported object anew, and know a constant of the file.
const { IO_INSTRUCTION } = EXIT_REASON;
const { exited: EXITED } = OUTCOME;
const { useIoBitmaps: USE_IO_BITMAPS, unconditionalIoExiting: UNCONDITIONAL_IO_EXITING } = CPU_BASED;
const { CPU_BASED_VM_EXEC_CONTROL: CONTROLS } = F;
const LARGEST = { 1: 0xff, 2: 0xffff, 4: 0xffffffff } as const;

/** IN, OUT, INS and OUTS (SDM Vol 3C, "I/O bitmaps" and "Exit Qualification for I/O Instructions"). */
export class Io {
  readonly #guest: Guest;
  readonly #cpu: VmxCpu;
  readonly #vmcs: Vmcs;
  readonly #state: GuestState;
  readonly #exits: Exits;
  readonly #ports: VmxPorts | undefined;
  #exitsAlways = false;

  constructor(guest: Guest, exits: Exits, ports: VmxPorts | undefined) {
    this.#guest = guest;
    this.#cpu = guest.cpu;
    this.#vmcs = guest.vmcs;
    this.#state = guest.state;
    this.#exits = exits;
    this.#ports = ports;
  }

  /**
   * The port access at RIP, as the processor's stop describes it. Without a `ports` option a port that does not exit reads as
   * all ones and ignores writes. INS and OUTS exit always: their memory operand is for the hypervisor to reach.
   */
  handle(): number {
    const { cpu } = this.#guest;
    const { stop } = cpu;
    const qualification = stop.portQualification;
    const isString = (qualification & IS_STRING) !== 0;
    if (!isString && !this.#exitsAlways && !this.#isIntercepted(qualification)) return this.#access(qualification);
    const { lastExit } = this.#state;
    lastExit.reason = IO_INSTRUCTION;
    lastExit.portQualification = qualification;
    lastExit.instructionLength = stop.instructionLength;
    lastExit.ripLow = cpu.ripLow;
    lastExit.ripHigh = cpu.ripHigh;
    if (!isString && this.#state.hold()) return EXITED;
    this.#exits.begin(IO_INSTRUCTION, qualification, stop.instructionLength, "clear");
    if (isString) this.#describeString(qualification);
    return this.#exits.finish();
  }

  /** As `handle` behind an exit that is held: true where this one is held too, with no more to do than to say what it is. */
  holdsNext(): boolean {
    const cpu = this.#cpu;
    const { stop } = cpu;
    const { portQualification } = stop;
    if ((portQualification & IS_STRING) !== 0 || this.#exitsAlways === false || cpu.pendingDebug !== 0) return false;
    const { lastExit } = this.#state;
    lastExit.portQualification = portQualification;
    lastExit.instructionLength = stop.instructionLength;
    lastExit.ripLow = cpu.ripLow;
    lastExit.ripHigh = cpu.ripHigh;
    return true;
  }

  /** What the controls of a VM entry say of ports. */
  enter(): void {
    const controls = this.#vmcs.low(CONTROLS);
    this.#exitsAlways = (controls & (USE_IO_BITMAPS | UNCONDITIONAL_IO_EXITING)) === UNCONDITIONAL_IO_EXITING;
  }

  #isIntercepted(qualification: number): boolean {
    if ((this.#vmcs.low(CONTROLS) & USE_IO_BITMAPS) === 0) return false;
    const port = qualification >>> PORT_SHIFT;
    const size = (qualification & SIZE_MINUS_1) + 1;
    // An access that wraps around the 16-bit port space exits.
    if (port + size > 0x10000) return true;
    for (let at = port; at < port + size; at++) if (this.#bitmapBit(at)) return true;
    return false;
  }

  /** Bitmap A serves ports 0 to 7fff, B the others. */
  #bitmapBit(port: number): boolean {
    const { vmcs, memory } = this.#guest;
    const bitmap = vmcs.number(port < 0x8000 ? F.IO_BITMAP_A : F.IO_BITMAP_B);
    return ((memory.u8[bitmap + ((port & 0x7fff) >> 3)] ?? 0xff) & (1 << (port & 7))) !== 0;
  }

  #access(qualification: number): number {
    const { cpu } = this.#guest;
    const port = qualification >>> PORT_SHIFT;
    const size = (qualification & SIZE_MINUS_1) + 1;
    const rax = cpu.getRegister(RAX);
    const largest = LARGEST[size as 1 | 2 | 4];
    if ((qualification & IS_IN) === 0) {
      this.#ports?.write(port, size, Number(rax & BigInt(largest)));
      return OUTCOME.advance;
    }
    const value = BigInt(((this.#ports?.read(port, size) ?? largest) & largest) >>> 0);
    // A 32-bit result clears the upper half of RAX, a smaller one leaves it.
    cpu.setRegister(RAX, size === 4 ? value : (rax & ~BigInt(largest)) | value);
    return OUTCOME.advance;
  }

  /** VM-exit instruction information and guest-linear address of INS and OUTS. */
  #describeString(qualification: number): void {
    const { vmcs, cpu } = this.#guest;
    const { stop } = cpu;
    const isIn = (qualification & IS_IN) !== 0;
    const sizeCode = stop.portAddressSize === 16 ? 0 : stop.portAddressSize === 32 ? 1 : 2;
    const segment = isIn ? ES : stop.portSegment;
    vmcs.setLow(F.VMX_INSTRUCTION_INFO, (sizeCode << 7) | (segment << 15));
    const offset = BigInt.asUintN(stop.portAddressSize, cpu.getRegister(isIn ? RDI : RSI));
    const base = (BigInt(cpu.segmentBaseHigh(segment) >>> 0) << 32n) | BigInt(cpu.segmentBaseLow(segment) >>> 0);
    vmcs.setWide(F.GUEST_LINEAR_ADDRESS, BigInt.asUintN(stop.portAddressSize === 64 ? 64 : 32, base + offset));
    vmcs.setWide(F.IO_RCX, cpu.getRegister(RCX));
    vmcs.setWide(F.IO_RSI, cpu.getRegister(RSI));
    vmcs.setWide(F.IO_RDI, cpu.getRegister(RDI));
    vmcs.setWide(F.IO_RIP, cpu.rip);
  }
}
