import type { Mean, Result } from "./results.ts";
import type { Times } from "./runs.ts";

const fixed = (value: number | undefined, digits: number, width: number): string =>
  (value === undefined || Number.isNaN(value) ? "–" : value.toFixed(digits)).padStart(width);

const seconds = (value: number | undefined): string => fixed(value, value !== undefined && value < 0.1 ? 3 : 2, 7);

const times = (of: Times | undefined): string => `${seconds(of?.seconds)} ${seconds(of?.clockSeconds)}`;

export const HEADING = [
  "                                                   ours                       v86                 QEMU TCG",
  "                  n                tier         CPU s   clock   MIPS    CPU s   clock  times    CPU s   clock  times",
].join("\n");

/** One line. The column v86 is v86 without its JIT where our tier is the interpreter. */
export function resultLine({ name, engine, n, times: own, peers }: Result): string {
  return [
    name.padEnd(17),
    n.join("-").padEnd(16),
    (engine === "likex" ? "auto" : "interpreter").padEnd(11),
    times(own),
    fixed(own?.mips, 0, 6),
    ...peers.map(({ times: theirs, ratio }) => ` ${times(theirs)} ${fixed(ratio, 2, 6)}`),
  ].join(" ");
}

const WHAT: Readonly<Record<string, string>> = {
  "mean/32/total": "totals",
  "mean/32/steady": "steady states",
  "mean/steady": "steady states of int, mem, branch, calls and fpsse",
};

/** Sentences for the means, of which each says what it lacks. */
export function meanLine({ name, engine, peer, ratio, lacks }: Mean): string {
  const what = engine === "likex-interpreter" ? "totals of int, mem, branch and calls" : (WHAT[name] ?? name);
  const value =
    ratio === undefined
      ? `– (lacks ${lacks.length > 3 ? `${lacks.length} results` : lacks.join(", ")})`
      : ratio.toFixed(2);
  return `${engine}, times as fast as ${peer}, geometric mean of the ${what}: ${value}`;
}
