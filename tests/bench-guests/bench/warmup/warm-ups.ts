import type { GuestBuilder } from "../../src/build.ts";
import { runChild } from "../guests/child-process.ts";
import { median } from "../guests/measurement.ts";
import type { Selection } from "../guests/selection.ts";
import { type RoundTimes, type WarmUp, warmUpOf } from "./rounds.ts";

const CHILDREN = {
  own: new URL("./child-likex.ts", import.meta.url),
  v86: new URL("./child-v86.ts", import.meta.url),
} as const;

/** Medians of one image's warm-up. */
export interface WarmUpResult {
  /** GUEST/BITS. */
  readonly name: string;
  readonly n: number;
  readonly own: WarmUp | undefined;
  /** Undefined for 64-bit code, which v86 does not run. */
  readonly v86: WarmUp | undefined;
}

const HEADING = [
  "              ours: ms until                  v86: ms until",
  "guest            90 % speed    lost   round      90 % speed    lost   round",
].join("\n");

function line({ name, own, v86 }: WarmUpResult): string {
  const number = (value: number | undefined, width: number): string =>
    (value?.toFixed(value < 10 ? 1 : 0) ?? "–").padStart(width);
  const cells = (of: WarmUp | undefined): string[] => [
    number(of?.milliseconds, 13),
    number(of?.lostMilliseconds, 7),
    number(of?.steadyRound, 7),
  ];
  return [name.padEnd(13), ...cells(own), "", ...cells(v86)].join(" ");
}

function mediansOf(list: readonly WarmUp[]): WarmUp | undefined {
  if (list.length === 0) return undefined;
  return {
    steadyRound: median(list.map(({ steadyRound }) => steadyRound)),
    milliseconds: median(list.map(({ milliseconds }) => milliseconds)),
    lostMilliseconds: median(list.map(({ lostMilliseconds }) => lostMilliseconds)),
  };
}

/** Runs the larger amount of work of each guest, in turn on both. A run that fails throws. */
export async function measureWarmUp(
  builder: GuestBuilder,
  { guests, bits, rounds }: Selection,
  log: (line: string) => void,
): Promise<WarmUpResult[]> {
  const results: WarmUpResult[] = [];
  log(HEADING);
  for (const guest of guests) {
    const { n, sum } = guest.measured.compiled[1];
    for (const width of bits) {
      const image = builder.buildWithRounds(guest, width);
      const name = `${guest.name}/${width}`;
      const warmUps: Record<keyof typeof CHILDREN, WarmUp[]> = { own: [], v86: [] };
      for (let round = 0; round < rounds; round++) {
        for (const engine of width === 32 ? (["own", "v86"] as const) : (["own"] as const)) {
          const { report, problem } = await runChild<RoundTimes>(CHILDREN[engine], [image, String(n)]);
          if (report?.sum !== sum) {
            throw new Error(`${name} ${engine}: ${problem ?? `checksum ${report?.sum}`}`);
          }
          const warmUp = warmUpOf(report.times);
          if (warmUp !== undefined) warmUps[engine].push(warmUp);
        }
      }
      const result = { name, n, own: mediansOf(warmUps.own), v86: mediansOf(warmUps.v86) };
      results.push(result);
      log(line(result));
    }
  }
  return results;
}
