import { printable } from "../printable.ts";

/** Something in a program that has a name. */
export interface NamedPlace {
  readonly address: bigint;
  /** Bytes; 0 when not known. */
  readonly size: bigint;
  /** PLACE_RANK: of several at one address, the one with the lowest rank gives its name. */
  readonly rank: number;
  name(): string;
}

/** What names a place: symbols have ranks below `pltEntry`. */
export const PLACE_RANK = { pltEntry: 20, section: 30, gap: 40 } as const;

/** The name of the place that an address is in, fit to print, and how far behind its beginning the address is. */
export interface Nearest {
  readonly name: string;
  readonly distance: bigint;
}

function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function compare(a: NamedPlace, b: NamedPlace): number {
  if (a.address !== b.address) return a.address < b.address ? -1 : 1;
  return a.rank - b.rank || compareNames(a.name(), b.name());
}

/** Names of addresses: a sorted array, searched in halves. */
export class SymbolMap {
  /** The places, sorted; of several at one address only the first is in `#places`. */
  readonly #all: readonly NamedPlace[];
  readonly #places: readonly NamedPlace[];
  readonly #addresses: BigUint64Array;
  /** Printable names, once they were needed: most are needed many times. */
  readonly #names: string[] = [];

  constructor(places: readonly NamedPlace[]) {
    this.#all = places.toSorted(compare);
    this.#places = this.#all.filter((place, i) => place.address !== this.#all[i - 1]?.address);
    this.#addresses = BigUint64Array.from(this.#places, ({ address }) => address);
  }

  /** Number of the first place at or above an address, for `place`. */
  firstFrom(address: bigint): number {
    let low = 0;
    let high = this.#addresses.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#addresses[middle]! < address) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Place number `i`, by address; undefined behind the last. */
  place(i: number): NamedPlace | undefined {
    return this.#places[i];
  }

  /** The place that an address belongs to: the last one that begins at or below it. */
  find(address: bigint): Nearest | undefined {
    const next = this.firstFrom(address);
    const i = this.#addresses[next] === address ? next : next - 1;
    const place = this.#places[i];
    if (place === undefined || place.rank === PLACE_RANK.gap) return undefined;
    this.#names[i] ??= printable(place.name());
    return { name: this.#names[i], distance: address - place.address };
  }

  /** All places of that name, by address, sections not among them. */
  named(name: string): readonly NamedPlace[] {
    return this.#all.filter((place) => place.rank < PLACE_RANK.section && place.name() === name);
  }

  /** Names that contain a text in any case, at most `most` of them. */
  similar(text: string, most: number): readonly string[] {
    const wanted = text.toLowerCase();
    const found = new Set<string>();
    for (const place of this.#all) {
      if (found.size === most) break;
      if (place.rank < PLACE_RANK.section && place.name().toLowerCase().includes(wanted)) found.add(place.name());
    }
    return [...found];
  }
}

/** "main", or "main+0x12". */
export function nearestText({ name, distance }: Nearest): string {
  return distance === 0n ? name : `${name}+0x${distance.toString(16)}`;
}
