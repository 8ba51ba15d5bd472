/** PCMPESTRI and its like (SDM Vol 2, 4.1): imm bits 1:0 element type, 3:2 aggregation, 5:4 polarity, 6 output. */
export const STRING_COMPARE: string = `
fn string_element(from: i32, i: i32, imm: i32) -> i32 {
  let kind = imm & 3;
  if (kind == 0) { return load8(from + i); }
  if (kind == 1) { return load16(from + (i << 1)); }
  if (kind == 2) { return load8s(from + i); }
  return load16s(from + (i << 1));
}

// Elements before the first that is zero
fn string_implicit(from: i32, imm: i32) -> i32 {
  let count = (imm & 1) != 0 ? 8 : 16;
  let i = 0;
  while (i < count) {
    if (string_element(from, i, imm) == 0) { return i; }
    i += 1;
  }
  return count;
}

// Magnitude of an explicit length, at most the number of elements
fn string_explicit(value: i64, imm: i32) -> i32 {
  let count = (imm & 1) != 0 ? 8n : 16n;
  let size = value < 0n ? -value : value;
  // The magnitude of the smallest number is beyond every count, as it is unsigned.
  return wrap(size >u count ? count : size);
}

// Mask of results (IntRes2) for a in the first operand, b in the second, with their lengths.
fn string_compare(a: i32, b: i32, la: i32, lb: i32, imm: i32) -> i32 {
  let count = (imm & 1) != 0 ? 8 : 16;
  let mode = (imm >>> 2) & 3;
  let mask = 0;
  let j = 0;
  while (j < count) {
    let value = string_element(b, j, imm);
    let hit = 0;
    if (mode == 0) {
      let i = 0;
      while (i < la) {
        hit = hit | (string_element(a, i, imm) == value);
        i += 1;
      }
      hit = hit & (j < lb);
    } else if (mode == 1) {
      let i = 0;
      while (i + 1 < la) {
        hit = hit | ((string_element(a, i, imm) <= value) & (value <= string_element(a, i + 1, imm)));
        i += 2;
      }
      hit = hit & (j < lb);
    } else if (mode == 2) {
      let inA = j < la;
      let inB = j < lb;
      hit = (string_element(a, j, imm) == value) & inA & inB | (!inA & !inB);
    } else {
      // The first operand occurs in the second from here, as far as there is room to compare.
      hit = 1;
      let i = 0;
      while (i < la && i + j < count) {
        hit = hit & ((i + j < lb) & (string_element(a, i, imm) == string_element(b, i + j, imm)));
        i += 1;
      }
    }
    mask |= hit << j;
    j += 1;
  }
  let polarity = (imm >>> 4) & 3;
  if (polarity == 1) { mask = mask ^ ((1 << count) - 1); }
  if (polarity == 3) { mask = mask ^ ((1 << lb) - 1); }
  return mask;
}

// CF, ZF, SF, OF at their RFLAGS positions
fn string_flags(mask: i32, la: i32, lb: i32, imm: i32) -> i32 {
  let count = (imm & 1) != 0 ? 8 : 16;
  return (mask != 0) | ((lb < count) << 6) | ((la < count) << 7) | ((mask & 1) << 11);
}

fn string_index(mask: i32, imm: i32) -> i32 {
  let count = (imm & 1) != 0 ? 8 : 16;
  if (mask == 0) { return count; }
  return (imm & 0x40) != 0 ? 31 - clz(mask) : ctz(mask);
}

// The mask as bits, or as elements of all ones, in XMM0
fn string_mask(ctx: i32, mask: i32, imm: i32) {
  let to = ctx + VECTORS;
  if ((imm & 0x40) == 0) {
    store64(to, u64(mask));
    store64(to + 8, 0n);
    return;
  }
  let i = 0;
  while (i < 16) {
    let bit = (imm & 1) != 0 ? i >>> 1 : i;
    store8(to + i, -((mask >>> bit) & 1));
    i += 1;
  }
}
`;
