import { HostMemory } from "@likex/host-memory";
import { EmulatedKvm } from "@likex/kvm";
import { ERRNO, KVM_EXIT } from "@likex/kvm-abi";
import type { Log } from "./cpu-attempt.ts";
import { KvmGuest } from "./kvm-guest.ts";
import { PAGE } from "./layout.ts";
import { KNOWN } from "./neighbour.ts";
import { Random } from "./random.ts";
import { createScenario } from "./scenario.ts";

const ARENA_BYTES = 4 << 20;
const GUARDS = 24;
const GUARD = new Uint8Array(PAGE).fill(0xa7);
const EXIT_NAMES: ReadonlyMap<number, string> = new Map(Object.entries(KVM_EXIT).map(([name, exit]) => [exit, name]));
const ERRNOS: ReadonlySet<number> = new Set(Object.values(ERRNO));

const NEIGHBOUR_BYTES = 4 * PAGE;
const SUM = BigInt(KNOWN.sum);

/** Runs one attempt through KVM's system calls, beside another VM of the same driver; the text says what is wrong. */
export function attemptOnKvm(seed: number, log?: Log): string | undefined {
  const scenario = createScenario(seed);
  const random = new Random(seed + 1);
  const memory = HostMemory.create({ bytes: ARENA_BYTES });
  const instructionsPerRun = random.of([1, 10, 100, 2000]);
  const kvm = EmulatedKvm.create({ hostMemory: memory, instructionsPerRun });
  const guards: number[] = [];
  const guard = (): void => {
    for (let i = 0; i < GUARDS; i++) {
      const frame = memory.allocateFrame();
      memory.u8.set(GUARD, frame);
      guards.push(frame);
    }
  };
  try {
    guard();
    const neighbour = new KvmGuest(kvm, NEIGHBOUR_BYTES);
    neighbour.memory.write(0, Uint8Array.from(KNOWN.program));
    guard();
    const guest = new KvmGuest(kvm, scenario.ram.length);
    guest.memory.write(0, scenario.ram);
    guard();
    log?.(`through KVM, ${scenario.modes.join(" ")}, ${instructionsPerRun} instructions a run`);
    for (const [index, segment] of scenario.segments.entries()) {
      const step = new Random(segment.seed);
      if (index === 0 || step.chance(6)) {
        const result = guest.setState(step.of(scenario.states), step);
        if (!isAnswer(result)) return `segment ${index}: a state was answered with ${result}`;
      }
      const result = guest.run();
      log?.(`${index}: ${result}, ${EXIT_NAMES.get(guest.exitReason)}`);
      if (!isAnswer(result)) return `segment ${index}: KVM_RUN returned ${result}`;
      if (result === 0 && !EXIT_NAMES.has(guest.exitReason)) return `segment ${index}: exit reason ${guest.exitReason}`;
      guest.answer(step);
      const damaged = guards.find((frame) => Buffer.compare(memory.u8.subarray(frame, frame + PAGE), GUARD) !== 0);
      if (damaged !== undefined) return `segment ${index}: a host frame that is nobody's has changed, ${damaged}`;
      if (step.chance(12)) {
        const problem = neighbourProblem(neighbour);
        if (problem !== undefined) return `segment ${index}: ${problem}`;
      }
    }
    return undefined;
  } finally {
    kvm.dispose();
  }
}

const isAnswer = (result: number): boolean => result === 0 || ERRNOS.has(-result);

/** The other VM computes what it always computes, and has nothing else in its memory. */
function neighbourProblem(neighbour: KvmGuest): string | undefined {
  neighbour.reset();
  let result: number;
  do result = neighbour.run();
  while (result === -ERRNO.EINTR);
  if (result !== 0 || neighbour.exitReason !== KVM_EXIT.HLT || neighbour.rax !== SUM)
    return `the other VM ended with ${result}, exit ${neighbour.exitReason}, RAX ${neighbour.rax}`;
  const memory = neighbour.memory.read(0, NEIGHBOUR_BYTES);
  const stored = memory[KNOWN.at]! | (memory[KNOWN.at + 1]! << 8);
  memory.fill(0, KNOWN.at, KNOWN.at + 2);
  const isClean = memory.every((byte, at) => byte === (KNOWN.program[at] ?? 0));
  return isClean && stored === KNOWN.sum ? undefined : "the other VM's memory has changed";
}
