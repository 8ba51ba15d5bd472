import type { Mean, Result } from "./results.ts";

/** A record for each result and peer; what was not measured is null. */
function resultRecords({ name, engine, n, times, peers }: Result): object[] {
  return peers.map((peer) => ({
    name,
    engine,
    n,
    value: times?.seconds ?? null,
    unit: "s",
    clock: times?.clockSeconds ?? null,
    mips: times?.mips ?? null,
    peer: peer.engine,
    peerValue: peer.times?.seconds ?? null,
    peerClock: peer.times?.clockSeconds ?? null,
    ratio: peer.ratio ?? null,
  }));
}

const meanRecord = ({ ratio, ...rest }: Mean): object => ({
  ...rest,
  value: ratio ?? null,
  unit: "times as fast",
  ratio: ratio ?? null,
});

/** All of a run for programs. */
export function toJson(
  results: readonly Result[],
  means: readonly Mean[],
  skipped: readonly object[],
  problems: readonly string[],
): string {
  return JSON.stringify(
    {
      name: "guests",
      ok: problems.length === 0,
      skipped,
      problems,
      results: [...results.flatMap(resultRecords), ...means.map(meanRecord)],
    },
    undefined,
    2,
  );
}
