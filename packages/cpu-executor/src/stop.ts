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
export interface StopDetails {
  /** STOP.*. */
  kind: number;
  /** Length in bytes of the instruction that stopped. */
  instructionLength: number;
  /** Exception vector 0..31. */
  vector: number;
  /** The exception's error code, or -1 when it has none. */
  errorCode: number;
  /** VMX interruption type of the exception: 3 hardware, 4 INT n whose delivery fails, 5 INT1, 6 INT3 and INTO. */
  eventType: number;
  /** INTERCEPT.*. */
  instruction: number;
  /** ModRM.reg and ModRM.rm of the intercepted instruction (control register and general register of MOV CR, and so on); rm is -1 for memory. */
  operandReg: number;
  operandRm: number;
  /** 16, 32 or 64: operand size of the intercepted instruction. */
  operandSize: number;
  /** I/O port 0..65535. */
  port: number;
  /** 1, 2 or 4 bytes. */
  portSize: number;
  portIsIn: boolean;
  portIsString: boolean;
  portIsRep: boolean;
  /** The port number was an immediate operand. */
  portIsImmediate: boolean;
  /** 16, 32 or 64: address size of INS and OUTS. */
  portAddressSize: number;
  /** Segment of OUTS's source: ES 0, CS 1, SS 2, DS 3, FS 4, GS 5. */
  portSegment: number;
  /** Selector of the TSS of an intercepted task switch, and a TASK_SOURCE. */
  taskSelector: number;
  taskSource: number;
  /** The instruction is an IRET that has ended the blocking of NMIs before it failed (SDM Vol 3C, 25.3). */
  unblockedNmi: boolean;
}

export function createStopDetails(): StopDetails {
  return {
    kind: 0,
    instructionLength: 0,
    vector: 0,
    errorCode: -1,
    eventType: 3,
    instruction: 0,
    operandReg: 0,
    operandRm: 0,
    operandSize: 16,
    port: 0,
    portSize: 0,
    portIsIn: false,
    portIsString: false,
    portIsRep: false,
    portIsImmediate: false,
    portAddressSize: 16,
    portSegment: 3,
    taskSelector: 0,
    taskSource: 0,
    unblockedNmi: false,
  };
}
