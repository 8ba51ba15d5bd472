const GAMMA = 0x9e3779b97f4a7c15n;

/** A SplitMix64 generator of 64 bits, which gives the same sequence each time it is made. */
export function createRandom(): () => bigint {
  let state = GAMMA;
  const mix = (value: bigint, shift: bigint, factor: bigint): bigint =>
    BigInt.asUintN(64, (value ^ (value >> shift)) * factor);
  return () => {
    state = BigInt.asUintN(64, state + GAMMA);
    const mixed = mix(mix(state, 30n, 0xbf58476d1ce4e5b9n), 27n, 0x94d049bb133111ebn);
    return mixed ^ (mixed >> 31n);
  };
}
