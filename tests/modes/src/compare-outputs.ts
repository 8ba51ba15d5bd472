import { isBad } from "./programs.ts";

/** How the output of a machine that is not exact stands to that of one that is. */
export interface Comparison {
  /** Lines that are the same, byte by byte. */
  readonly same: number;
  /** Checks that the program left out there: lines `-- NAME`. */
  readonly skipped: readonly string[];
  /** Checks named as known to differ that did. */
  readonly known: readonly string[];
  /** Names given as known to differ that did not. */
  readonly stale: readonly string[];
  readonly unexplained: readonly string[];
}

const SKIPPED = "-- ";

/** Compares line by line; one `-- NAME` stands for any number of lines of the exact machine, of which NAME begins the first. */
export function compareOutputs(exact: string, other: string, differs: readonly string[]): Comparison {
  const wanted = exact.split("\n");
  const skipped: string[] = [];
  const known: string[] = [];
  const unexplained: string[] = [];
  let same = 0;
  let at = 0;
  let maySkip = false;
  for (const line of other.split("\n")) {
    if (line.startsWith(SKIPPED)) {
      skipped.push(line.slice(SKIPPED.length));
      maySkip = true;
      continue;
    }
    const name = differs.find((check) => isBad(line, check));
    const expected = name === undefined ? line : `ok ${name}`;
    const found = maySkip ? wanted.indexOf(expected, at) : at;
    if (wanted[found] === line) same += 1;
    else if (name !== undefined && wanted[found] === expected) known.push(name);
    else unexplained.push(`${line} (expected: ${wanted[at] ?? "nothing"})`);
    at = (found < 0 ? at : found) + 1;
    maySkip = false;
  }
  if (at < wanted.length) unexplained.push(`the program did not end: ${wanted[at] ?? ""} expected`);
  const stale = differs.filter((check) => !known.includes(check));
  return { same, skipped, known, stale, unexplained };
}
