import { describe, expect, it } from "vitest";
import { RoundClock, warmUpOf } from "../bench/warmup/rounds.ts";

/** Times at which rounds of these durations begin, and the last one's end. */
function timesOf(...durations: number[]): number[] {
  const times = [100];
  for (const duration of durations) times.push((times.at(-1) ?? 0) + duration);
  return times;
}

describe("the warm-up of a run", () => {
  it("ends with a round of 90 % of the second half's speed, as the median of it and the next two has", () => {
    // The second round is quick and those behind it are not; the fourth is slow and those behind it are not.
    expect(warmUpOf(timesOf(200, 10, 100, 20, 11, 10, 10, 10, 10, 10, 10, 10))).toEqual({
      steadyRound: 10,
      milliseconds: 330,
      lostMilliseconds: 411 - 120,
    });
  });

  it("is 0 for a run that is as fast from the start, and a round that something else disturbed changes nothing", () => {
    expect(warmUpOf(timesOf(10, 10, 50, 10, 10, 10, 90, 10))).toMatchObject({ steadyRound: 10, milliseconds: 0 });
  });

  it("is not told of fewer than six rounds", () => {
    expect(warmUpOf(timesOf(10, 10, 10, 10, 10))).toBeUndefined();
    expect(warmUpOf([])).toBeUndefined();
  });
});

describe("the clock of rounds", () => {
  it("takes each begin and the end, and the checksum", () => {
    const clock = new RoundClock();
    for (const line of ["start int n=2", "round", "round"]) clock.line(line);
    expect(clock.isDone).toBe(false);
    clock.line("done int sum=0123abcd");
    expect(clock.isDone).toBe(true);
    const { sum, times } = clock.report();
    expect({ sum, times: times.length }).toEqual({ sum: "0123abcd", times: 3 });
  });
});
