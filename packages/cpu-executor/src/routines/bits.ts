/** Bits gathered and scattered by a mask (PEXT, PDEP), and the high half of a 32-bit product. */
export const BITS: string = `
fn gather_bits(source: i64, mask: i64) -> i64 {
  let result = 0n;
  let rest = mask;
  let at = 0n;
  while (rest != 0n) {
    result = result | (((source >>> ctz(rest)) & 1n) << at);
    rest = rest & (rest - 1n);
    at += 1n;
  }
  return result;
}

fn scatter_bits(source: i64, mask: i64) -> i64 {
  let result = 0n;
  let rest = mask;
  let at = 0n;
  while (rest != 0n) {
    result = result | (((source >>> at) & 1n) << ctz(rest));
    rest = rest & (rest - 1n);
    at += 1n;
  }
  return result;
}

fn multiply_high32(a: i64, b: i64) -> i64 {
  return (a * b) >>> 32;
}
`;
