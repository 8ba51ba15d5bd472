import { type V128, v128 } from "@likex/wasm-emitter";

const range = <T>(count: number, at: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => at(i));

/** Byte positions of a lane of `size` bytes of the first (0) or second (16) vector. */
const lane = (size: number, number: number, from: 0 | 16): number[] => range(size, (i) => from + number * size + i);

const field = (immediate: number, i: number): number => (immediate >> (2 * i)) & 3;

/** Words of one half chosen by the immediate, the other half as it is. */
const words = (immediate: number, base: 0 | 4): number[] => {
  const chosen = range(4, (i) => lane(2, base + field(immediate, i), 16)).flat();
  const kept = range(8, (i) => (base === 0 ? 24 : 16) + i);
  return base === 0 ? [...chosen, ...kept] : [...kept, ...chosen];
};

/** For each lane its place in the source when the immediate's bit is set, else in the destination. */
const blend = (size: number, immediate: number): number[] =>
  range(16 / size, (i) => lane(size, i, (immediate >> i) & 1 ? 16 : 0)).flat();

/** Bytes from a position in destination (0..15) and source (16..31), or of zeros where the position is none. */
const POSITIONS: Readonly<Record<string, (immediate: number) => readonly number[]>> = {
  pshufd: (imm) => range(4, (i) => lane(4, field(imm, i), 16)).flat(),
  pshuflw: (imm) => words(imm, 0),
  pshufhw: (imm) => words(imm, 4),
  shufps: (imm) => range(4, (i) => lane(4, field(imm, i), i < 2 ? 0 : 16)).flat(),
  shufpd: (imm) => [...lane(8, imm & 1, 0), ...lane(8, (imm >> 1) & 1, 16)],
  pblendw: (imm) => blend(2, imm),
  blendps: (imm) => blend(4, imm),
  blendpd: (imm) => blend(8, imm),
};

/** Instructions that move lanes by an immediate which is known; undefined for others. */
export function knownLanes(name: string, destination: V128, source: V128, immediate: number): V128 | undefined {
  const zero = v128.constant(0n, 0n);
  if (name === "palignr") {
    if (immediate < 16)
      return v128.shuffle(
        source,
        destination,
        range(16, (i) => i + immediate),
      );
    return v128.shuffle(
      destination,
      zero,
      range(16, (i) => Math.min(i + immediate - 16, 16)),
    );
  }
  if (name === "psrldq")
    return v128.shuffle(
      destination,
      zero,
      range(16, (i) => Math.min(i + immediate, 16)),
    );
  if (name === "pslldq")
    return v128.shuffle(
      destination,
      zero,
      range(16, (i) => (i < immediate ? 16 : i - immediate)),
    );
  const positions = POSITIONS[name];
  return positions === undefined ? undefined : v128.shuffle(destination, source, positions(immediate));
}
