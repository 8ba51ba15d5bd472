/**
 * Packs bytes for src/unpack.ts, as sequences of LZ4's block format: a token with the number of literals (high four bits) and the
 * number of repeated bytes less 4 (low four), either continued in further bytes when it is 15; the literals; from how far back the
 * repeated bytes are, in two bytes. The last sequence has literals alone. In front stands the unpacked size, in four bytes.
 *
 * A generated file must be the same wherever it is generated, and what zlib writes differs between its builds.
 */
const LEAST_REPEATED = 4;
const MOST_DISTANT = 0xffff;
const IN_TOKEN = 15;
const HASH_BITS = 16;
/** Earlier places that are tried for each byte. */
const CANDIDATES = 32;
/** Lengths of a repetition that are all tried; of longer ones only the longest is. */
const ALL_LENGTHS = 40;

interface Repetitions {
  /** By place: how many bytes from there stand further back too, and how far back. */
  readonly lengths: Int32Array;
  readonly distances: Int32Array;
}

function findRepetitions(bytes: Uint8Array): Repetitions {
  const { length } = bytes;
  const lengths = new Int32Array(length);
  const distances = new Int32Array(length);
  const latest = new Int32Array(1 << HASH_BITS).fill(-1);
  const previous = new Int32Array(length).fill(-1);
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  for (let at = 0; at + LEAST_REPEATED <= length; at++) {
    const hash = Math.imul(view.getInt32(at, true), -1640531535) >>> (32 - HASH_BITS);
    let candidate = latest[hash] as number;
    for (let n = 0; n < CANDIDATES && candidate >= 0 && at - candidate <= MOST_DISTANT; n++) {
      let repeated = 0;
      while (at + repeated < length && bytes[candidate + repeated] === bytes[at + repeated]) repeated++;
      if (repeated > (lengths[at] as number)) {
        lengths[at] = repeated;
        distances[at] = at - candidate;
      }
      candidate = previous[candidate] as number;
    }
    previous[at] = latest[hash] as number;
    latest[hash] = at;
  }
  return { lengths, distances };
}

const furtherBytes = (count: number): number => (count < IN_TOKEN ? 0 : 1 + Math.floor((count - IN_TOKEN) / 255));

/** By place: how many bytes the best sequence repeats there, 1 for a literal; found from the end. */
function bestSteps(length: number, { lengths }: Repetitions): Int32Array {
  const steps = new Int32Array(length);
  const costs = new Float64Array(length + 1);
  for (let at = length - 1; at >= 0; at--) {
    const most = lengths[at] as number;
    // A literal's share of the bytes that count literals.
    costs[at] = (costs[at + 1] as number) + 1.02;
    steps[at] = 1;
    for (let repeated = LEAST_REPEATED; repeated <= most; repeated = repeated < ALL_LENGTHS ? repeated + 1 : most + 1) {
      const tried = repeated < ALL_LENGTHS ? repeated : most;
      const cost = 3 + furtherBytes(tried - LEAST_REPEATED) + (costs[at + tried] as number);
      if (cost < (costs[at] as number)) {
        costs[at] = cost;
        steps[at] = tried;
      }
    }
  }
  return steps;
}

function continueCount(out: number[], count: number): void {
  if (count < IN_TOKEN) return;
  let rest = count - IN_TOKEN;
  for (; rest >= 255; rest -= 255) out.push(255);
  out.push(rest);
}

export function pack(bytes: Uint8Array): Uint8Array {
  const { length } = bytes;
  const repetitions = findRepetitions(bytes);
  const steps = bestSteps(length, repetitions);
  const out = [length & 255, (length >> 8) & 255, (length >> 16) & 255, length >>> 24];
  let literals = 0;
  const sequence = (at: number, repeated: number): void => {
    const count = repeated === 0 ? 0 : repeated - LEAST_REPEATED;
    out.push((Math.min(literals, IN_TOKEN) << 4) | Math.min(count, IN_TOKEN));
    continueCount(out, literals);
    for (const literal of bytes.subarray(at - literals, at)) out.push(literal);
    literals = 0;
    if (repeated === 0) return;
    const distance = repetitions.distances[at] as number;
    out.push(distance & 255, distance >> 8);
    continueCount(out, count);
  };
  for (let at = 0; at < length; at += steps[at] as number) {
    if (steps[at] === 1) literals++;
    else sequence(at, steps[at] as number);
  }
  sequence(length, 0);
  return Uint8Array.from(out);
}
