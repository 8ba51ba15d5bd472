import type { GuestBuilder } from "../../src/build.ts";
import { SHORT_PROGRAMS } from "../../src/catalogue.ts";
import { runLikex } from "../guests/engines.ts";
import { ImageRuns, type Times } from "../guests/runs.ts";
import type { Selection } from "../guests/selection.ts";

/** Medians of a short program's times with and without the compiler. */
export interface ShortResult {
  /** GUEST/BITS/short. */
  readonly name: string;
  readonly n: number;
  readonly auto: Times;
  readonly interpreter: Times;
}

const HEADING = [
  "",
  "ten million instructions     auto: CPU s   clock   interpreter: CPU s   clock   times as fast",
].join("\n");

function line({ name, n, auto, interpreter }: ShortResult): string {
  const cells = ({ seconds, clockSeconds }: Times, width: number): string =>
    `${seconds.toFixed(3).padStart(width)} ${clockSeconds.toFixed(3).padStart(7)}`;
  const ratio = (interpreter.seconds / auto.seconds).toFixed(2).padStart(15);
  return [`${name} n=${n}`.padEnd(28), cells(auto, 12), cells(interpreter, 20), ratio].join(" ");
}

/** Runs each short program in turn with and without the compiler. A run that fails throws. */
export async function measureShortPrograms(
  builder: GuestBuilder,
  { bits, rounds }: Selection,
  log: (line: string) => void,
): Promise<ShortResult[]> {
  const results: ShortResult[] = [];
  log(HEADING);
  for (const { guest, work } of SHORT_PROGRAMS) {
    for (const width of bits) {
      const image = builder.build({ ...guest, name: `${guest.name}-short` }, width);
      const runs = new ImageRuns();
      for (let round = 0; round < rounds; round++) {
        runs.add("likex", work, await runLikex(image, work.n, "auto"));
        runs.add("likex-interpreter", work, await runLikex(image, work.n, "interpreter"));
      }
      const name = `${guest.name}/${width}/short`;
      const auto = runs.total("likex", work);
      const interpreter = runs.total("likex-interpreter", work);
      if (auto === undefined || interpreter === undefined) {
        throw new Error(`${name}: ${runs.problem("likex", work) ?? runs.problem("likex-interpreter", work)}`);
      }
      const result = { name, n: work.n, auto, interpreter };
      results.push(result);
      log(line(result));
    }
  }
  return results;
}
