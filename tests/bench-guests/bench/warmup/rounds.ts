import { median } from "../guests/measurement.ts";

/** Takes a guest's lines as they come: milliseconds on the clock at which each round begins and the last one ends. */
export class RoundClock {
  readonly #times: number[] = [];
  #sum: string | undefined;

  line(text: string): void {
    if (text === "round" || text.startsWith("done ")) this.#times.push(performance.now());
    this.#sum ??= /^done \w+ sum=([0-9a-f]{8})/.exec(text)?.[1];
  }

  get isDone(): boolean {
    return this.#sum !== undefined;
  }

  report(): RoundTimes {
    return { sum: this.#sum, times: this.#times };
  }
}

/** What a process prints that clocked rounds. */
export interface RoundTimes {
  /** The guest's checksum; undefined when it did not come to that. */
  readonly sum: string | undefined;
  readonly times: readonly number[];
}

/** How a run came up to speed. */
export interface WarmUp {
  /** Milliseconds that a round takes in the second half of the rounds: the median. */
  readonly steadyRound: number;
  /** Milliseconds until a round begins that takes no more than 1/0.9 of that, as the median of it and the two behind it does. */
  readonly milliseconds: number;
  /** Milliseconds that the run took longer than it would have with every round like that. */
  readonly lostMilliseconds: number;
}

const SHARE = 0.9;

/** The warm-up of a run whose rounds are equal; undefined for fewer than six rounds. */
export function warmUpOf(times: readonly number[]): WarmUp | undefined {
  const [start, end] = [times[0], times.at(-1)];
  const rounds = times.slice(1).map((time, i) => time - (times[i] as number));
  if (start === undefined || end === undefined || rounds.length < 6) return undefined;
  const steadyRound = median(rounds.slice(rounds.length >> 1));
  const isQuick = (duration: number): boolean => duration * SHARE <= steadyRound;
  const first = rounds.findIndex((duration, i) => isQuick(duration) && isQuick(median(rounds.slice(i, i + 3))));
  return {
    steadyRound,
    milliseconds: (times[first] as number) - start,
    lostMilliseconds: end - start - rounds.length * steadyRound,
  };
}
