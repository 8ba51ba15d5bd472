import { type Cpu, SEGMENT, STOP, WINDOW } from "@likex/cpu-executor";
import { GuestMmu, SPTE_FORMAT, TdpMmu } from "@likex/ept-mmu";
import { HostMemory } from "@likex/host-memory";
import type { BackEnd } from "../../../packages/cpu-executor/test/support/back-ends.ts";
import { entryOf, LOAD_ADDRESS } from "./programs.ts";

const MEGABYTES = 4;
const PAGE = 4096;
const CONSOLE = 0xe9;
const EXIT = 0xf4;
/** Ask for an external interrupt, the vector written, and for an NMI. */
const INTERRUPT = 0xf1;
const NMI = 0xf2;
const NMI_VECTOR = 2;
/** Interruption types (SDM Vol 3C, table 24-15). */
const EVENT_TYPE = { external: 0, nmi: 2 } as const;
const FLAT_CODE = 0xc09b;
const FLAT_DATA = 0xc093;
const LARGEST = { 1: 0xffn, 2: 0xffffn, 4: 0xffff_ffffn } as const;

/** A processor with nothing around it but memory, a console at port e9h, an end at port f4h, and interrupts. */
export class BareMachine {
  readonly memory: HostMemory = HostMemory.create({ bytes: (MEGABYTES + 4) << 20 });
  readonly cpu: Cpu;
  output = "";
  /** What was written to port f4h, or -1. */
  exitCode = -1;
  /** Vector of the interrupt that waits, or -1. */
  #interrupt = -1;

  constructor(image: Uint8Array, { createCpu }: BackEnd) {
    const { memory } = this;
    const mmu = new GuestMmu(memory);
    const tdp = new TdpMmu(memory, { format: SPTE_FORMAT.likex });
    const base = memory.allocateFrames((MEGABYTES << 20) / PAGE);
    for (let frame = 0; frame < (MEGABYTES << 20) / PAGE; frame++)
      tdp.map(frame, base / PAGE + frame, { write: true, execute: true });
    memory.u8.set(image, base + LOAD_ADDRESS);
    const cpu = createCpu({ memory, mmu });
    this.cpu = cpu;
    cpu.intercepts.fill(0);
    cpu.exceptionBitmap = 0;
    cpu.onTranslationChange = () =>
      mmu.configure({
        eptPointer: tdp.eptPointer,
        cr0: cpu.cr0,
        cr3Low: Number(BigInt.asIntN(32, cpu.cr3)),
        cr3High: Number(cpu.cr3 >> 32n),
        cr4: cpu.cr4,
        efer: cpu.efer,
      });
    cpu.cr0 = 0x11;
    cpu.onTranslationChange();
    cpu.setSegmentRaw(SEGMENT.cs, 8, 0, 0, 0xffffffff, FLAT_CODE);
    for (const register of [SEGMENT.ds, SEGMENT.es, SEGMENT.fs, SEGMENT.gs, SEGMENT.ss])
      cpu.setSegmentRaw(register, 16, 0, 0, 0xffffffff, FLAT_DATA);
    cpu.setRegister(0, 0x2badb002n);
    cpu.ripNumber = entryOf(image);
  }

  /** Runs until the program ends; a STOP that ended it otherwise, or STOP.budget. */
  run(instructions: number): number {
    const { cpu } = this;
    const end = cpu.instructionsRetired + instructions;
    while (this.exitCode < 0 && cpu.instructionsRetired < end) {
      const stop = cpu.run(10_000);
      if (stop === STOP.port) this.#port();
      else if (stop === STOP.window) this.#deliver();
      else if (stop !== STOP.budget) return stop;
    }
    return STOP.budget;
  }

  #port(): void {
    const { cpu } = this;
    const { port, portSize, portIsIn } = cpu.stop;
    const mask = LARGEST[portSize as 1 | 2 | 4];
    if (portIsIn) cpu.setRegister(0, cpu.getRegister(0) | mask);
    else if (port === CONSOLE) this.output += String.fromCharCode(cpu.registerLow(0) & 0xff);
    else if (port === EXIT) this.exitCode = cpu.registerLow(0) & 0xff;
    else if (port === INTERRUPT) {
      this.#interrupt = cpu.registerLow(0) & 0xff;
      cpu.windowRequest |= WINDOW.interrupt;
    } else if (port === NMI) cpu.windowRequest |= WINDOW.nmi;
    cpu.completeInstruction();
  }

  #deliver(): void {
    const { cpu } = this;
    const event = { errorCode: -1, instructionLength: 0 };
    if ((cpu.windowRequest & WINDOW.nmi) !== 0 && !cpu.nmiBlocked) {
      cpu.windowRequest &= ~WINDOW.nmi;
      cpu.deliverEvent({ ...event, vector: NMI_VECTOR, type: EVENT_TYPE.nmi });
    } else {
      cpu.windowRequest &= ~WINDOW.interrupt;
      cpu.deliverEvent({ ...event, vector: this.#interrupt, type: EVENT_TYPE.external });
    }
  }

  dispose(): void {
    this.cpu.dispose();
  }
}
