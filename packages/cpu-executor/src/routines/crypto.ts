/** AES (FIPS 197), carry-less multiplication, SHA-1 and SHA-256 (FIPS 180-4), on vectors in memory. */

/** The S-box from its definition: inversion in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1, then an affine map. */
function substitution(): readonly number[] {
  const multiply = (a: number, b: number): number => {
    let product = 0;
    for (let i = 0, x = a; i < 8; i++, x = (x << 1) ^ ((x & 0x80) !== 0 ? 0x11b : 0)) if ((b >> i) & 1) product ^= x;
    return product;
  };
  return Array.from({ length: 256 }, (_, value) => {
    let inverse = 0;
    for (let x = 1; x < 256; x++) if (multiply(value, x) === 1) inverse = x;
    const rotate = (n: number): number => ((inverse << n) | (inverse >> (8 - n))) & 0xff;
    return inverse ^ rotate(1) ^ rotate(2) ^ rotate(3) ^ rotate(4) ^ 0x63;
  });
}

const S_BOX = substitution();
const INVERSE_S_BOX = S_BOX.map((_, value) => S_BOX.indexOf(value));

const vector = (bytes: readonly number[]): string => {
  const half = (from: number): string =>
    `0x${bytes
      .slice(from, from + 8)
      .reverse()
      .map((byte) => byte.toString(16).padStart(2, "0"))
      .join("")}n`;
  return `v128(${half(0)}, ${half(8)})`;
};

/** Sixteen bytes through a table of 256: a swizzle of each row, whose indices beyond 15 give 0. */
const lookUp = (name: string, table: readonly number[]): string => `
fn ${name}(a: v128) -> v128 {
  let found = v_i8x16_swizzle(${vector(table.slice(0, 16))}, a);
  ${Array.from(
    { length: 15 },
    (_, i) =>
      `found = v_or(found, v_i8x16_swizzle(${vector(table.slice(16 * (i + 1), 16 * (i + 2)))}, v_i8x16_sub(a, splat8(${16 * (i + 1)}))));`,
  ).join("\n  ")}
  return found;
}`;

const SHIFT_ROWS = [0, 5, 10, 15, 4, 9, 14, 3, 8, 13, 2, 7, 12, 1, 6, 11];
const INVERSE_SHIFT_ROWS = SHIFT_ROWS.map((_, i) => SHIFT_ROWS.indexOf(i));
/** Bytes of each column turned by n places. */
const turned = (n: number): number[] => Array.from({ length: 16 }, (_, i) => (i & ~3) | ((i + n) & 3));

const AES: string = `
${lookUp("aes_substitute", S_BOX)}
${lookUp("aes_substitute_inverse", INVERSE_S_BOX)}

fn aes_double(a: v128) -> v128 {
  return v_xor(v_i8x16_add(a, a), v_and(v_i8x16_gt_s(v128(0n, 0n), a), splat8(0x1b)));
}

fn aes_turn1(a: v128) -> v128 { return v_i8x16_swizzle(a, ${vector(turned(1))}); }
fn aes_turn2(a: v128) -> v128 { return v_i8x16_swizzle(a, ${vector(turned(2))}); }
fn aes_turn3(a: v128) -> v128 { return v_i8x16_swizzle(a, ${vector(turned(3))}); }

// 2 a0 + 3 a1 + a2 + a3 for each byte of a column
fn aes_mix(a: v128) -> v128 {
  let next = aes_turn1(a);
  return v_xor(v_xor(aes_double(v_xor(a, next)), next), v_xor(aes_turn2(a), aes_turn3(a)));
}

// 14 a0 + 11 a1 + 13 a2 + 9 a3: mixing after adding 4 (a0 + a2)
fn aes_mix_inverse(a: v128) -> v128 {
  let four = aes_double(aes_double(v_xor(a, aes_turn2(a))));
  return aes_mix(v_xor(a, four));
}

fn aesenc(ctx: i32, dst: i32, src: i32) {
  let state = aes_substitute(v_i8x16_swizzle(load128(dst), ${vector(SHIFT_ROWS)}));
  store128(dst, v_xor(aes_mix(state), load128(src)));
}

fn aesenclast(ctx: i32, dst: i32, src: i32) {
  let state = aes_substitute(v_i8x16_swizzle(load128(dst), ${vector(SHIFT_ROWS)}));
  store128(dst, v_xor(state, load128(src)));
}

fn aesdec(ctx: i32, dst: i32, src: i32) {
  let state = aes_substitute_inverse(v_i8x16_swizzle(load128(dst), ${vector(INVERSE_SHIFT_ROWS)}));
  store128(dst, v_xor(aes_mix_inverse(state), load128(src)));
}

fn aesdeclast(ctx: i32, dst: i32, src: i32) {
  let state = aes_substitute_inverse(v_i8x16_swizzle(load128(dst), ${vector(INVERSE_SHIFT_ROWS)}));
  store128(dst, v_xor(state, load128(src)));
}

fn aesimc(ctx: i32, dst: i32, src: i32) {
  store128(dst, aes_mix_inverse(load128(src)));
}

fn aeskeygenassist(ctx: i32, dst: i32, src: i32, imm: i32) {
  let words = aes_substitute(load128(src));
  let one = wrap(low64(words) >>> 32);
  let three = wrap(high64(words) >>> 32);
  store32(dst, one);
  store32(dst + 4, rotr(one, 8) ^ imm);
  store32(dst + 8, three);
  store32(dst + 12, rotr(three, 8) ^ imm);
}
`;

const CARRY_LESS = `
fn pclmulqdq(ctx: i32, dst: i32, src: i32, imm: i32) {
  let a = load64(dst + ((imm & 1) << 3));
  let b = load64(src + ((imm & 0x10) >>> 1));
  let low = 0n;
  let high = 0n;
  let i = 0;
  while (i < 64) {
    let mask = -((b >>> i) & 1n);
    low = low ^ ((a << i) & mask);
    if (i > 0) { high = high ^ ((a >>> (64 - i)) & mask); }
    i += 1;
  }
  store64(dst, low);
  store64(dst + 8, high);
}
`;

const SHA: string = `
// Rounds of SHA-1: A in the highest lane; src has message words plus E in the highest
fn sha1rnds4(ctx: i32, dst: i32, src: i32, imm: i32) {
  let a = load32(dst + 12);
  let b = load32(dst + 8);
  let c = load32(dst + 4);
  let d = load32(dst);
  let e = 0;
  let kind = imm & 3;
  let constant = kind == 0 ? 0x5a827999 : kind == 1 ? 0x6ed9eba1 : kind == 2 ? 0x8f1bbcdc : 0xca62c1d6;
  let i = 12;
  while (i >= 0) {
    let f = b ^ c ^ d;
    if (kind == 0) { f = (b & c) ^ (~b & d); }
    if (kind == 2) { f = (b & c) ^ (b & d) ^ (c & d); }
    let next = f + rotl(a, 5) + load32(src + i) + e + constant;
    e = d;
    d = c;
    c = rotl(b, 30);
    b = a;
    a = next;
    i -= 4;
  }
  store32(dst + 12, a);
  store32(dst + 8, b);
  store32(dst + 4, c);
  store32(dst, d);
}

fn sha1nexte(ctx: i32, dst: i32, src: i32) {
  let e = rotl(load32(dst + 12), 30);
  let top = load32(src + 12) + e;
  store128(dst, load128(src));
  store32(dst + 12, top);
}

fn sha1msg1(ctx: i32, dst: i32, src: i32) {
  let high = load64(src + 8);
  let low = load64(dst);
  store64(dst + 8, load64(dst + 8) ^ low);
  store64(dst, low ^ high);
}

fn sha1msg2(ctx: i32, dst: i32, src: i32) {
  let w16 = rotl(load32(dst + 12) ^ load32(src + 8), 1);
  let w17 = rotl(load32(dst + 8) ^ load32(src + 4), 1);
  let w18 = rotl(load32(dst + 4) ^ load32(src), 1);
  let w19 = rotl(load32(dst) ^ w16, 1);
  store32(dst + 12, w16);
  store32(dst + 8, w17);
  store32(dst + 4, w18);
  store32(dst, w19);
}

// Two rounds of SHA-256: dst C D G H from the highest lane, src A B E F; words and constants in XMM0
fn sha256rnds2(ctx: i32, dst: i32, src: i32) {
  let a = load32(src + 12);
  let b = load32(src + 8);
  let e = load32(src + 4);
  let f = load32(src);
  let c = load32(dst + 12);
  let d = load32(dst + 8);
  let g = load32(dst + 4);
  let h = load32(dst);
  let i = 0;
  while (i < 8) {
    let choice = (e & f) ^ (~e & g);
    let t = choice + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + load32(ctx + VECTORS + i) + h;
    let majority = (a & b) ^ (a & c) ^ (b & c);
    let u = majority + (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22));
    h = g;
    g = f;
    f = e;
    e = t + d;
    d = c;
    c = b;
    b = a;
    a = t + u;
    i += 4;
  }
  store32(dst + 12, a);
  store32(dst + 8, b);
  store32(dst + 4, e);
  store32(dst, f);
}

fn sha256_sigma0(w: i32) -> i32 { return rotr(w, 7) ^ rotr(w, 18) ^ (w >>> 3); }
fn sha256_sigma1(w: i32) -> i32 { return rotr(w, 17) ^ rotr(w, 19) ^ (w >>> 10); }

fn sha256msg1(ctx: i32, dst: i32, src: i32) {
  let w4 = load32(src);
  store32(dst, load32(dst) + sha256_sigma0(load32(dst + 4)));
  store32(dst + 4, load32(dst + 4) + sha256_sigma0(load32(dst + 8)));
  store32(dst + 8, load32(dst + 8) + sha256_sigma0(load32(dst + 12)));
  store32(dst + 12, load32(dst + 12) + sha256_sigma0(w4));
}

fn sha256msg2(ctx: i32, dst: i32, src: i32) {
  let w16 = load32(dst) + sha256_sigma1(load32(src + 8));
  let w17 = load32(dst + 4) + sha256_sigma1(load32(src + 12));
  let w18 = load32(dst + 8) + sha256_sigma1(w16);
  let w19 = load32(dst + 12) + sha256_sigma1(w17);
  store32(dst, w16);
  store32(dst + 4, w17);
  store32(dst + 8, w18);
  store32(dst + 12, w19);
}
`;

export const CRYPTO: string = AES + CARRY_LESS + SHA;
