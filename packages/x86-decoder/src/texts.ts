/** Texts without line feeds, in this many lines a group. */
export const GROUP = 64;

/**
 * Texts by number. A group of them is taken apart when one of it is asked for: programs use few, and making two thousand
 * strings when the package is imported takes longer than looking all of those up.
 */
export class Texts {
  readonly #groups: readonly string[];
  readonly #lines: (readonly string[] | undefined)[] = [];

  constructor(groups: readonly string[]) {
    this.#groups = groups;
  }

  at(number: number): string {
    const group = Math.floor(number / GROUP);
    this.#lines[group] ??= this.#groups[group]!.split("\n");
    return this.#lines[group][number % GROUP]!;
  }
}
