import { describe, expect, it } from "vitest";
import { toJson } from "../bench/guests/json.ts";
import { median, type Run } from "../bench/guests/measurement.ts";
import { meansOf, resultsOf } from "../bench/guests/results.ts";
import { ImageRuns } from "../bench/guests/runs.ts";
import { select } from "../bench/guests/selection.ts";
import { meanLine, resultLine } from "../bench/guests/table.ts";
import { type Amounts, GUESTS, type GuestSpec, type Work } from "../src/catalogue.ts";

const [FIRST] = GUESTS as readonly [GuestSpec];
const AMOUNTS: Amounts = {
  interpreted: { n: 2, sum: "00000002" },
  compiled: [
    { n: 10, sum: "0000000a" },
    { n: 30, sum: "0000001e" },
  ],
};
const [SMALL, LARGE] = AMOUNTS.compiled as readonly [Work, Work];

const run = (sum: string, cpu: number, instructions?: number): Run => ({
  sum,
  cpu,
  wall: cpu + 1,
  ...(instructions === undefined ? {} : { instructions }),
});

/** Three rounds of ours, of which one was disturbed, and one of v86. */
function someRuns(): ImageRuns {
  const runs = new ImageRuns();
  for (const [small, large] of [
    [1, 2],
    [5, 9],
    [1.5, 2.75],
  ] as const) {
    runs.add("likex", SMALL, run(SMALL.sum, small, 10e6));
    runs.add("likex", LARGE, run(LARGE.sum, large, 30e6));
  }
  runs.add("v86", SMALL, run(SMALL.sum, 6));
  runs.add("v86", LARGE, run(LARGE.sum, 11));
  return runs;
}

describe("the median", () => {
  it.each([
    [[3], 3],
    [[4, 1, 9], 4],
    [[1, 2, 10, 4], 3],
    [[], Number.NaN],
  ])("of %j is %d", (list, expected) => {
    expect(median(list)).toBe(expected);
  });
});

describe("a total", () => {
  it("is the median of the rounds, and its ratio how many times as fast as the peer it is", () => {
    const [total] = resultsOf(FIRST, 32, AMOUNTS, someRuns());
    expect(total).toMatchObject({
      name: `${FIRST.name}/32/total`,
      engine: "likex",
      n: [10],
      times: { seconds: 1.5, clockSeconds: 2.5, mips: 10 / 1.5 },
      peers: [{ engine: "v86", times: { seconds: 6 }, ratio: 4 }, { engine: "qemu-tcg" }],
    });
  });

  it("is absent where one round has another checksum, which is told", () => {
    const runs = someRuns();
    runs.add("likex", SMALL, run("deadbeef", 1));
    expect(resultsOf(FIRST, 32, AMOUNTS, runs)[0]?.times).toBeUndefined();
    expect(runs.problem("likex", SMALL)).toBe("checksum deadbeef, wanted 0000000a");
  });

  it("is told as the peer's problem where the peer did not end", () => {
    const runs = new ImageRuns();
    runs.add("qemu-tcg", SMALL, { sum: undefined, problem: "ended with SIGSEGV", cpu: Number.NaN, wall: Number.NaN });
    expect(runs.problem("qemu-tcg", SMALL)).toBe("ended with SIGSEGV");
  });
});

describe("a steady state", () => {
  it("is the median of the rounds' slopes between two amounts, for the smaller amount", () => {
    const [, steady] = resultsOf(FIRST, 32, AMOUNTS, someRuns());
    // Slopes for 20 are 1, 4 and 1.25 seconds and 20 million instructions; v86's is 5 seconds.
    expect(steady).toMatchObject({
      name: `${FIRST.name}/32/steady`,
      n: [10, 30],
      times: { seconds: 0.625, mips: 16 },
      peers: [{ ratio: 4 }, { times: undefined, ratio: undefined }],
    });
  });

  it("is the slope between the last two of three amounts", () => {
    const most = { n: 130, sum: "00000082" };
    const runs = someRuns();
    for (const cpu of [3, 11, 3.75]) runs.add("likex", most, run(most.sum, cpu));
    const amounts: Amounts = { ...AMOUNTS, compiled: [SMALL, LARGE, most] };
    const [total, steady] = resultsOf(FIRST, 32, amounts, runs);
    expect(total).toMatchObject({ n: [10], times: { seconds: 1.5 } });
    // A second more for a hundred, of which thirty count.
    expect(steady).toMatchObject({ n: [30, 130], times: { seconds: 0.3 } });
  });

  it("is absent where more work took no more time", () => {
    const runs = new ImageRuns();
    runs.add("likex", SMALL, run(SMALL.sum, 1));
    runs.add("likex", LARGE, run(LARGE.sum, 1));
    expect(runs.steady("likex", AMOUNTS)).toBeUndefined();
  });
});

describe("a peer that is missing", () => {
  it("has an empty column, null in JSON, and no part in a mean", () => {
    const results = resultsOf(FIRST, 32, AMOUNTS, someRuns());
    const [total] = results;
    expect(total === undefined ? "" : resultLine(total)).toMatch(/ 4\.00 +– +– +–$/);
    const means = meansOf(results, [FIRST]);
    const tcg = means.find(({ peer }) => peer === "qemu-tcg");
    expect(tcg?.ratio).toBeUndefined();
    expect(tcg === undefined ? "" : meanLine(tcg)).toMatch(/: – \(lacks 10 results\)$/);
    const skipped = [{ engine: "qemu-tcg", reason: "no QEMU" }];
    const json = JSON.parse(toJson(results, means, skipped, [])) as { results: object[] };
    expect(json).toMatchObject({ name: "guests", ok: true, skipped });
    expect(json.results).toContainEqual(
      expect.objectContaining({ name: `${FIRST.name}/32/total`, peer: "qemu-tcg", peerValue: null, ratio: null }),
    );
  });
});

describe("a mean", () => {
  it("is the geometric one over all guests", () => {
    const second = { ...FIRST, name: "second" };
    const slower = new ImageRuns();
    slower.add("likex", SMALL, run(SMALL.sum, 2));
    slower.add("v86", SMALL, run(SMALL.sum, 2));
    const results = [...resultsOf(FIRST, 32, AMOUNTS, someRuns()), ...resultsOf(second, 32, AMOUNTS, slower)];
    expect(meansOf(results, [FIRST, second])[0]).toEqual({
      name: "mean/32/total",
      engine: "likex",
      peer: "v86",
      ratio: 2,
      lacks: [],
    });
  });
});

describe("the command line", () => {
  it("selects images, all of them by default", () => {
    expect(select([], { bits: undefined, rounds: "3" })).toEqual({ guests: GUESTS, bits: [32, 64], rounds: 3 });
    expect(select([FIRST.name], { bits: "64", rounds: "1" })).toEqual({ guests: [FIRST], bits: [64], rounds: 1 });
  });

  it("is told what is wrong with it", () => {
    expect(select(["in"], { bits: undefined, rounds: "1" })).toMatch(/^no guest in: int, mem/);
    expect(select([], { bits: "16", rounds: "1" })).toBe("--bits 16: 32 or 64 is wanted");
    expect(select([], { bits: undefined, rounds: "0" })).toBe("--rounds 0: a whole number from 1 on is wanted");
  });
});
