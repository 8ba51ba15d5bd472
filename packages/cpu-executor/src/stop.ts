import { PORT_DETAIL } from "./status.ts";

/** Why `Cpu.run` returned. */
export const STOP = {
  /** The budget is used up. */
  budget: 0,
  /** A guest exception is to be delivered: vector and errorCode are set. */
  exception: 1,
  /** IN, OUT, INS or OUTS, not executed: the port fields are set. */
  port: 2,
  /** An instruction that system software may intercept, not executed: `instruction` is set. */
  instruction: 3,
  /** `Mmu.translate` returned stop; the instruction was not executed. */
  mmu: 4,
  /** A triple fault while an exception was delivered. */
  shutdown: 5,
  /** `Mmu.mmioRead` or `mmioWrite` returned stop; the instruction was not executed and may be repeated. */
  mmio: 6,
  /** The guest would now take an event that `Cpu.windowRequest` names. */
  window: 7,
  /** HLT was executed and nothing has ended it: deliver an event, or clear `Cpu.halted`. */
  halt: 8,
  /** A task switch that is intercepted has passed its checks (SDM Vol 3C, 25.4.2) and not begun: taskSelector and taskSource are set. */
  taskSwitch: 9,
} as const;

/** What asks for a task switch, as an exit qualification has it (SDM Vol 3C, table 27-2). */
export const TASK_SOURCE = { call: 0, iret: 1, jmp: 2, gate: 3 } as const;

/** Instructions that system software may intercept (SDM Vol 3C, instructions that cause VM exits). */
export const INTERCEPT = {
  hlt: 0,
  cpuid: 1,
  rdtsc: 2,
  rdtscp: 3,
  rdmsr: 4,
  wrmsr: 5,
  movToCr: 6,
  movFromCr: 7,
  movToDr: 8,
  movFromDr: 9,
  invlpg: 10,
  monitor: 11,
  mwait: 12,
  pause: 13,
  wbinvd: 14,
  lgdt: 15,
  lidt: 16,
  sgdt: 17,
  sidt: 18,
  lldt: 19,
  ltr: 20,
  sldt: 21,
  str: 22,
  clts: 23,
  lmsw: 24,
  vmcall: 25,
  smsw: 26,
  invd: 27,
  rdpmc: 28,
  xsetbv: 29,
  vmclear: 30,
  vmlaunch: 31,
  vmptrld: 32,
  vmptrst: 33,
  vmread: 34,
  vmresume: 35,
  vmwrite: 36,
  vmxoff: 37,
  vmxon: 38,
  invept: 39,
  invvpid: 40,
  rsm: 41,
  /** No instruction, but what several of them and events may lead to. */
  taskSwitch: 42,
} as const;

/** Details of the last stop: one object per Cpu, rewritten by each stop. */
export class StopDetails {
  /** STOP.*. */
  kind = 0;
  /** Length in bytes of the instruction that stopped. */
  instructionLength = 0;
  /** Exception vector 0..31. */
  vector = 0;
  /** The exception's error code, or -1 when it has none. */
  errorCode = -1;
  /** VMX interruption type of the exception: 3 hardware, 4 INT n whose delivery fails, 5 INT1, 6 INT3 and INTO. */
  eventType = 3;
  /** INTERCEPT.*. */
  instruction = 0;
  /** ModRM.reg and ModRM.rm of the intercepted instruction (control register and general register of MOV CR, and so on); rm is -1 for memory. */
  operandReg = 0;
  operandRm = 0;
  /** 16, 32 or 64: operand size of the intercepted instruction. */
  operandSize = 16;
  /** The port access as an exit qualification for I/O instructions has it (SDM Vol 3C, table 27-5), int32. */
  portQualification = 0;
  /** 16, 32 or 64: address size of INS and OUTS. */
  portAddressSize = 16;
  /** Segment of OUTS's source: ES 0, CS 1, SS 2, DS 3, FS 4, GS 5. */
  portSegment = 3;
  /** Selector of the TSS of an intercepted task switch, and a TASK_SOURCE. */
  taskSelector = 0;
  taskSource = 0;
  /** The instruction is an IRET that has ended the blocking of NMIs before it failed (SDM Vol 3C, 25.3). */
  unblockedNmi = false;

  /** I/O port 0..65535. */
  get port(): number {
    return this.portQualification >>> PORT_DETAIL.portShift;
  }

  /** 1, 2 or 4 bytes. */
  get portSize(): number {
    return (this.portQualification & PORT_DETAIL.sizeMinus1) + 1;
  }

  get portIsIn(): boolean {
    return (this.portQualification & PORT_DETAIL.in) !== 0;
  }

  get portIsString(): boolean {
    return (this.portQualification & PORT_DETAIL.string) !== 0;
  }

  get portIsRep(): boolean {
    return (this.portQualification & PORT_DETAIL.repeat) !== 0;
  }

  /** The port number was an immediate operand. */
  get portIsImmediate(): boolean {
    return (this.portQualification & PORT_DETAIL.immediate) !== 0;
  }
}

export const createStopDetails = (): StopDetails => new StopDetails();
