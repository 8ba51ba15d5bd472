import { type Amounts, type Bits, type GuestSpec, steadyWorks, type Work } from "../../src/catalogue.ts";
import type { Engine, EngineName } from "./engines.ts";
import type { ImageRuns, Times } from "./runs.ts";

/** Another engine's times for the same work, and how many times as fast ours is: its CPU seconds over ours. */
export interface PeerResult {
  readonly engine: EngineName;
  readonly times: Times | undefined;
  readonly ratio: number | undefined;
}

/** A result of one of our tiers. */
export interface Result {
  /** GUEST/BITS/total or GUEST/BITS/steady. */
  readonly name: string;
  readonly engine: "likex" | "likex-interpreter";
  /** Amount of work: one for a total, two for a steady state. */
  readonly n: readonly number[];
  readonly times: Times | undefined;
  readonly peers: readonly PeerResult[];
}

const PEERS = {
  likex: ["v86", "qemu-tcg"],
  "likex-interpreter": ["v86-interpreter", "qemu-tcg"],
} as const satisfies Readonly<Record<Result["engine"], readonly EngineName[]>>;

function result(
  name: string,
  engine: Result["engine"],
  n: readonly number[],
  timesOf: (engine: EngineName) => Times | undefined,
): Result {
  const times = timesOf(engine);
  const peers = PEERS[engine].map((peer): PeerResult => {
    const theirs = timesOf(peer);
    // Less than the clock shows is no time to compare with.
    const isMeasured = times !== undefined && theirs !== undefined && times.seconds > 0 && theirs.seconds > 0;
    const ratio = isMeasured ? theirs.seconds / times.seconds : undefined;
    return { engine: peer, times: theirs, ratio };
  });
  return { name, engine, n, times, peers };
}

/** What the runs of one image come to. */
export function resultsOf(guest: GuestSpec, bits: Bits, amounts: Amounts, runs: ImageRuns): Result[] {
  const name = (kind: "total" | "steady"): string => `${guest.name}/${bits}/${kind}`;
  const total = (engine: Result["engine"], work: Work): Result =>
    result(name("total"), engine, [work.n], (of) => runs.total(of, work));
  const { compiled, interpreted } = amounts;
  return [
    total("likex", compiled[0]),
    result(
      name("steady"),
      "likex",
      steadyWorks(amounts).map(({ n }) => n),
      (of) => runs.steady(of, amounts),
    ),
    total("likex-interpreter", interpreted),
  ];
}

/** Every wrong run, as a line for people. */
export function problemsOf(
  guest: GuestSpec,
  bits: Bits,
  amounts: Amounts,
  engines: readonly Engine[],
  runs: ImageRuns,
): string[] {
  return engines.flatMap((engine) =>
    engine.works(amounts).flatMap((work) => {
      const problem = runs.problem(engine.name, work);
      return problem === undefined ? [] : [`${guest.name}/${bits} n=${work.n} ${engine.name}: ${problem}`];
    }),
  );
}

/** A geometric mean of ratios, of which every one is needed. */
export interface Mean {
  readonly name: string;
  readonly engine: Result["engine"];
  readonly peer: EngineName;
  /** Undefined when a ratio is missing. */
  readonly ratio: number | undefined;
  /** Names of the results that it needs and lacks. */
  readonly lacks: readonly string[];
}

function mean(
  results: readonly Result[],
  spec: { readonly name: string; readonly engine: Result["engine"]; readonly peer: EngineName },
  names: readonly string[],
): Mean {
  const ratios = names.map(
    (name) =>
      results
        .find((candidate) => candidate.name === name && candidate.engine === spec.engine)
        ?.peers.find(({ engine }) => engine === spec.peer)?.ratio,
  );
  const lacks = names.filter((_, i) => ratios[i] === undefined);
  if (lacks.length > 0) return { ...spec, ratio: undefined, lacks };
  const logarithms = ratios.reduce((sum: number, ratio) => sum + Math.log(ratio ?? Number.NaN), 0);
  return { ...spec, ratio: Math.exp(logarithms / ratios.length), lacks };
}

const INTEGER_GUESTS = ["int", "mem", "branch", "calls"] as const;

/** The means that the project has aims for. */
export function meansOf(results: readonly Result[], guests: readonly GuestSpec[]): Mean[] {
  const named = (list: readonly string[], bits: readonly Bits[], kind: "total" | "steady"): string[] =>
    bits.flatMap((width) => list.map((guest) => `${guest}/${width}/${kind}`));
  const all = guests.map(({ name }) => name);
  const withFloat = [...INTEGER_GUESTS, "fpsse"];
  return [
    mean(results, { name: "mean/32/total", engine: "likex", peer: "v86" }, named(all, [32], "total")),
    mean(results, { name: "mean/32/steady", engine: "likex", peer: "v86" }, named(all, [32], "steady")),
    mean(results, { name: "mean/steady", engine: "likex", peer: "qemu-tcg" }, named(withFloat, [32, 64], "steady")),
    mean(
      results,
      { name: "mean/32/total", engine: "likex-interpreter", peer: "v86-interpreter" },
      named(INTEGER_GUESTS, [32], "total"),
    ),
  ];
}
