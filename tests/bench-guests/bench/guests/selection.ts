import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { repositoryRoot } from "../../../../scripts/check/workspace.ts";
import { type Bits, GUESTS, type GuestSpec } from "../../src/catalogue.ts";

/** Builds the packages: the measured processes get them as npm would give them. */
export function buildPackages(): void {
  execFileSync(join(repositoryRoot, "node_modules/.bin/tsc"), ["-b"], { cwd: repositoryRoot, stdio: "inherit" });
}

/** The images that were asked for. */
export interface Selection {
  readonly guests: readonly GuestSpec[];
  readonly bits: readonly Bits[];
  readonly rounds: number;
}

/** What the command line asks for, or what is wrong with it. */
export function select(
  names: readonly string[],
  { bits, rounds }: { readonly bits?: string | undefined; readonly rounds: string },
): Selection | string {
  const unknown = names.find((name) => !GUESTS.some((guest) => guest.name === name));
  if (unknown !== undefined) return `no guest ${unknown}: ${GUESTS.map(({ name }) => name).join(", ")}`;
  if (bits !== undefined && bits !== "32" && bits !== "64") return `--bits ${bits}: 32 or 64 is wanted`;
  const count = Number(rounds);
  if (!Number.isSafeInteger(count) || count < 1) return `--rounds ${rounds}: a whole number from 1 on is wanted`;
  return {
    guests: names.length === 0 ? GUESTS : GUESTS.filter(({ name }) => names.includes(name)),
    bits: bits === undefined ? [32, 64] : bits === "32" ? [32] : [64],
    rounds: count,
  };
}
