import { STOP } from "@likex/cpu-executor";
import { createJit } from "@likex/cpu-executor/jit";
import { Guest } from "./guest.ts";
import { answer, disturb } from "./outside.ts";
import { place } from "./place.ts";
import { Random } from "./random.ts";
import { createScenario, type Scenario, type Segment } from "./scenario.ts";

const STOP_NAMES: ReadonlyMap<number, string> = new Map(Object.entries(STOP).map(([name, stop]) => [stop, name]));
const ALL_EXCEPTIONS = 0xffffffff;
const MOST_MIGRATIONS = 3;
const EAGER = { batch: 1, shortest: 1, delay: 0, mostRegions: 500 } as const;

/** Told of what happens in an attempt, for people. */
export type Log = (line: string) => void;

/** How a budget is given to a guest: at once, or in pieces, with changes of the processor between them. */
type Pace = "whole" | "pieces";

/** Where a guest stands after a segment; `problem` says what is wrong. */
interface Outcome {
  readonly stop: number;
  readonly retired: number;
  readonly problem: string | undefined;
}

/** Runs one attempt on the processor itself; the text says what is wrong. */
export const attemptOnCpu = (seed: number, log?: Log): string | undefined => runScenario(createScenario(seed), log);

export function runScenario(scenario: Scenario, log?: Log): string | undefined {
  log?.(`${scenario.translation}, ${scenario.modes.join(" ")}`);
  const whole = new Guest(scenario, createJit({ ...EAGER, threshold: 1 + (scenario.seed % 4) }));
  const pieces = new Guest(scenario);
  try {
    whole.takeState(scenario.states[0]!);
    pieces.takeState(scenario.states[0]!);
    for (const [index, segment] of scenario.segments.entries()) {
      const problem = bothRun(whole, pieces, segment, log);
      if (problem !== undefined) return `segment ${index}: ${problem}`;
    }
    return memoryDifference(whole, pieces);
  } finally {
    whole.dispose();
    pieces.dispose();
  }
}

function bothRun(whole: Guest, pieces: Guest, segment: Segment, log: Log | undefined): string | undefined {
  const [first, second] = [runSegment(whole, segment, "whole"), runSegment(pieces, segment, "pieces")];
  log?.(`budget ${segment.budget}: ${first.retired} retired, ${STOP_NAMES.get(first.stop)} at ${place(whole)}`);
  if (second.problem !== undefined || stateDifference(whole, first, pieces, second) !== undefined)
    log?.(`in pieces: ${second.retired} retired, ${STOP_NAMES.get(second.stop)} at ${place(pieces)}`);
  const problem = first.problem ?? second.problem ?? stateDifference(whole, first, pieces, second);
  if (problem !== undefined) return problem;
  answer(whole, first.stop, new Random(segment.seed + 1));
  answer(pieces, second.stop, new Random(segment.seed + 1));
  return undefined;
}

function runSegment(guest: Guest, { budget, seed }: Segment, pace: Pace): Outcome {
  disturb(guest, new Random(seed));
  const random = new Random(seed + 2);
  const start = guest.instructionsRetired;
  let problem: string | undefined;
  let stop: number = STOP.budget;
  let migrations = 0;
  for (let left = budget; left > 0 && stop === STOP.budget && problem === undefined; ) {
    const piece = pace === "whole" ? left : random.of([1, 1 + random.below(7), 1 + random.below(left)]);
    const most = Math.min(piece, left);
    const before = guest.instructionsRetired;
    stop = guest.cpu.run(most);
    left -= most;
    problem = runProblem(guest, stop, most, guest.instructionsRetired - before);
    if (pace === "whole" || stop !== STOP.budget || left === 0 || !random.chance(8)) continue;
    if (migrations++ < MOST_MIGRATIONS) problem ??= guest.migrate();
  }
  const damage = guest.arena.firstDamage();
  if (damage >= 0) problem ??= `host memory that is not the guest's has changed at ${damage.toString(16)}`;
  if (random.chance(4)) problem ??= guest.neighbour.check();
  return { stop, retired: guest.instructionsRetired - start, problem };
}

/** What no run may do, whatever the guest is. */
function runProblem({ cpu }: Guest, stop: number, budget: number, retired: number): string | undefined {
  if (!STOP_NAMES.has(stop)) return `run() returned ${stop}, which is no STOP`;
  if (retired > budget || retired < 0) return `${retired} instructions retired with a budget of ${budget}`;
  // Only deliveries of exceptions use up the budget besides, and here they all stop.
  if (stop === STOP.budget && retired !== budget && cpu.exceptionBitmap >>> 0 === ALL_EXCEPTIONS)
    return `the budget of ${budget} was used up after ${retired} instructions`;
  return undefined;
}

/** How a segment at once and the same in pieces differ, while they must not. */
function stateDifference(whole: Guest, first: Outcome, pieces: Guest, second: Outcome): string | undefined {
  if (!whole.isExact || !pieces.isExact) return undefined;
  const [a, b] = [describe(whole, first), describe(pieces, second)];
  const names = Object.keys(a).filter((name) => JSON.stringify(a[name]) !== JSON.stringify(b[name]));
  if (names.length === 0) return undefined;
  const values = names.map((name) => `${name} ${JSON.stringify(a[name])} and ${JSON.stringify(b[name])}`);
  return `at once and in pieces it ends differently: ${values.join("; ")}`;
}

function memoryDifference(whole: Guest, pieces: Guest): string | undefined {
  if (!whole.isExact || !pieces.isExact) return undefined;
  const [a, b] = [whole.ram(), pieces.ram()];
  const at = a.findIndex((byte, i) => byte !== b[i]);
  if (at >= 0) return `at once and in pieces it leaves different memory, first at ${at.toString(16)}`;
  if (whole.devices.writes.join() !== pieces.devices.writes.join())
    return "at once and in pieces it writes differently to its devices";
  return undefined;
}

/** The whole state, and of the stop what the caller acts on. */
function describe(guest: Guest, { stop, retired }: Outcome): Record<string, unknown> {
  const { stop: details } = guest.cpu;
  const { vector, errorCode, eventType, instruction, port, portSize, portIsIn, instructionLength } = details;
  const kinds: Record<number, unknown> = {
    [STOP.exception]: { vector, errorCode, eventType, instructionLength },
    [STOP.port]: { port, portSize, portIsIn, instructionLength },
    [STOP.instruction]: { instruction, instructionLength },
    [STOP.mmu]: { address: guest.mmu.guestPhysicalAddress, qualification: guest.mmu.qualification },
  };
  return { ...guest.cpu.saveState(), stop: STOP_NAMES.get(stop), details: kinds[stop], retired };
}
