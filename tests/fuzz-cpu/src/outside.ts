import { type CpuEvent, STOP } from "@likex/cpu-executor";
import type { Guest } from "./guest.ts";
import { AT, PAGE } from "./layout.ts";
import type { Random } from "./random.ts";
import { anyIntercepts } from "./scenario.ts";

/** VMX interruption types (SDM Vol 3C, table 24-15). */
const TYPE = { external: 0, nmi: 2, exception: 3, softwareInterrupt: 4, softwareException: 6 } as const;
const DOUBLE_FAULT = 8;
const NMI_VECTOR = 2;
const LARGEST = { 1: 0xffn, 2: 0xffffn, 4: 0xffff_ffffn } as const;

const WITH_ERROR_CODE: readonly number[] = [8, 10, 11, 12, 13, 14, 17];

const anyEvent = (random: Random): CpuEvent => {
  const type = random.of(Object.values(TYPE));
  const vector = type === TYPE.nmi ? NMI_VECTOR : type === TYPE.external ? random.below(256) : random.below(32);
  return {
    vector,
    type,
    errorCode: type === TYPE.exception && WITH_ERROR_CODE.includes(vector) ? random.some(0xffff) : -1,
    instructionLength: type >= TYPE.softwareInterrupt ? 1 + random.below(2) : 0,
  };
};

/** Delivers an event; one whose delivery fails becomes a double fault, and one that nothing can deliver another state. */
function deliver(guest: Guest, random: Random, event: CpuEvent): void {
  const { cpu } = guest;
  let stop = cpu.deliverEvent(event);
  if (stop === STOP.mmu && guest.mapPage()) stop = cpu.deliverEvent(event);
  if (stop === STOP.exception)
    stop = cpu.deliverEvent({ vector: DOUBLE_FAULT, type: TYPE.exception, errorCode: 0, instructionLength: 0 });
  if (stop !== STOP.budget) sendElsewhere(guest, random);
}

/** Sends a guest that cannot go on elsewhere: into another state, or to other code in this one. */
function sendElsewhere(guest: Guest, random: Random): void {
  if (random.chance(2)) guest.takeState(random.of(guest.scenario.states));
  else guest.cpu.ripNumber = AT.code * PAGE + random.below((AT.codeEnd - AT.code) * PAGE);
}

/** What a hypervisor does at a stop: carry it out, answer, deliver, or something else. */
export function answer(guest: Guest, stop: number, random: Random): void {
  const { cpu } = guest;
  switch (stop) {
    case STOP.exception: {
      const { vector, eventType: type, errorCode, instructionLength } = cpu.stop;
      if (random.chance(2)) cpu.rip = BigInt.asUintN(64, cpu.rip + BigInt(instructionLength || 1));
      else if (random.chance(8)) sendElsewhere(guest, random);
      else deliver(guest, random, { vector, type, errorCode, instructionLength });
      return;
    }
    case STOP.port: {
      const mask = LARGEST[cpu.stop.portSize as 1 | 2 | 4];
      if (cpu.stop.portIsIn) cpu.setRegister(0, (cpu.getRegister(0) & ~mask) | (random.value() & mask));
      cpu.completeInstruction();
      return;
    }
    case STOP.instruction:
      if (random.chance(8)) cpu.writeControlRegister(random.of([0, 2, 3, 4, 8]), random.value());
      if (random.chance(8)) cpu.setRegister(random.below(16), random.value());
      if (random.chance(4)) cpu.intercepts[cpu.stop.instruction] = 0;
      else cpu.completeInstruction();
      return;
    case STOP.mmu:
      if (!guest.mapPage()) sendElsewhere(guest, random);
      return;
    case STOP.window:
      cpu.windowRequest = 0;
      deliver(guest, random, random.chance(2) ? anyEvent(random) : externalInterrupt(random));
      return;
    case STOP.halt:
      cpu.halted = false;
      if (random.chance(2)) deliver(guest, random, externalInterrupt(random));
      return;
    case STOP.taskSwitch: {
      const { taskSelector: selector, taskSource: source, instructionLength } = cpu.stop;
      const result = cpu.switchTask({ selector, source, instructionLength, errorCode: random.chance(2) ? 0 : -1 });
      if (result === STOP.exception && random.chance(2)) answer(guest, result, random);
      else if (result !== STOP.budget && !(result === STOP.mmu && guest.mapPage())) sendElsewhere(guest, random);
      return;
    }
    case STOP.shutdown:
      guest.takeState(random.of(guest.scenario.states));
      return;
    default:
      sendElsewhere(guest, random);
  }
}

const externalInterrupt = (random: Random): CpuEvent => ({
  ...{ vector: 32 + random.below(224), type: TYPE.external, errorCode: -1, instructionLength: 0 },
});

/** What happens to a guest from outside between two runs: nothing, most of the time. */
export function disturb(guest: Guest, random: Random): void {
  const { cpu } = guest;
  switch (random.below(16)) {
    case 0:
      deliver(guest, random, anyEvent(random));
      return;
    case 1:
      cpu.windowRequest = random.below(4);
      return;
    case 2: {
      // A device writes, into code more often than not. Paging structures change with a flush only, so they stay.
      const at = random.chance(2) ? AT.code * PAGE + random.below(0x8000) : random.ordinary();
      guest.write(
        at,
        Uint8Array.from({ length: 1 + random.below(64) }, () => random.below(256)),
      );
      return;
    }
    case 3:
      cpu.intercepts.set(anyIntercepts(random));
      cpu.exceptionBitmap = random.of([0, 0xffffffff, random.bits32()]);
      return;
    case 4:
      cpu.pendingDebug = random.some(0xe00f);
      return;
    case 5:
      cpu.writeControlRegister(random.of([0, 2, 3, 4, 8]), random.value());
      return;
    case 6:
      cpu.dr7 = (0x400 | random.some(0xffff00ff)) >>> 0;
      cpu.dr0 = BigInt(random.ordinary());
      return;
    case 7:
      guest.takeState(random.of(guest.scenario.states));
      return;
    default:
  }
}
