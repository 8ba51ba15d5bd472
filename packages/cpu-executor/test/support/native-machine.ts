import { HostMemory } from "@likex/host-memory";
import { Cpu, MMU_RESULT, SEGMENT, STOP } from "../../src/index.ts";
import {
  CODE_PAGE,
  DATA_PAGE,
  FX_BYTES,
  type NativeResult,
  type NativeState,
  WINDOW,
  WINDOW_BYTES,
} from "./native-state.ts";

const HLT = 0xf4;

/** More elements than a page has bytes: a repetition without end stops at the page's border. */
const MOST_ELEMENTS = 10000;

/** A processor in 64-bit mode with the two pages of the native vectors and nothing else. */
export class NativeMachine {
  readonly #memory: HostMemory = HostMemory.create({ bytes: 4 << 20 });
  readonly #code: number;
  readonly #data: number;
  readonly #cpu: Cpu;

  constructor() {
    const code = this.#memory.allocateFrame();
    const data = this.#memory.allocateFrame();
    this.#code = code;
    this.#data = data;
    const mmu = {
      hostPage: 0,
      guestPage: 0,
      permissions: 7,
      pageFaultErrorCode: 0,
      translate(low: number, high: number): number {
        const page = (low & ~0xfff) >>> 0;
        if (high !== 0 || (page !== CODE_PAGE && page !== DATA_PAGE)) return MMU_RESULT.pageFault;
        mmu.hostPage = page === CODE_PAGE ? code : data;
        mmu.guestPage = page;
        return MMU_RESULT.ok;
      },
    };
    const cpu = Cpu.create({ memory: this.#memory, mmu });
    cpu.cr0 = 0x80000033 | 0;
    cpu.cr4 = 0x40620;
    cpu.efer = 0xd01;
    cpu.setSegmentRaw(SEGMENT.cs, 0x33, 0, 0, 0xffffffff, 0xa0fb);
    cpu.setSegmentRaw(SEGMENT.ss, 0x2b, 0, 0, 0xffffffff, 0xc0f3);
    for (const i of [SEGMENT.es, SEGMENT.ds, SEGMENT.fs, SEGMENT.gs]) cpu.setSegmentRaw(i, 0, 0, 0, 0, 0x10000);
    cpu.refreshSegments();
    this.#cpu = cpu;
  }

  /** Executes one instruction, with all its repetitions. */
  execute(code: Uint8Array, state: NativeState): NativeResult {
    const cpu = this.#cpu;
    const { u8 } = this.#memory;
    this.#memory.noteWrite(this.#code as Parameters<HostMemory["noteWrite"]>[0]);
    u8.set(code, this.#code);
    u8[this.#code + code.length] = HLT;
    u8.fill(0, this.#data, this.#data + 4096);
    u8.set(state.memory, this.#data + (WINDOW - DATA_PAGE));
    state.gpr.forEach((value, register) => {
      cpu.setRegister(register, value);
    });
    cpu.fpu.load(state.fx);
    cpu.rflagsNumber = state.rflags;
    cpu.ripNumber = CODE_PAGE;
    const stop = cpu.run(MOST_ELEMENTS);
    // At CPL 3 the HLT behind the instruction raises #GP.
    const halted = stop === STOP.exception && cpu.stop.vector === 13 && cpu.ripNumber === CODE_PAGE + code.length;
    const from = this.#data + (WINDOW - DATA_PAGE);
    return {
      trap: halted ? -1 : stop === STOP.exception ? cpu.stop.vector : 1000 + stop,
      gpr: state.gpr.map((_, register) => cpu.getRegister(register)),
      rflags: cpu.rflagsNumber,
      memory: u8.slice(from, from + WINDOW_BYTES),
      fx: cpu.fpu.save().subarray(0, FX_BYTES),
    };
  }
}
