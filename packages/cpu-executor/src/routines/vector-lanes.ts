/**
 * Vector instructions that move lanes about by an immediate or by index. Each is name(ctx, dst, src, imm): dst and src
 * are addresses of 16 bytes (8 for MMX, whose names end in _mmx); a result is complete before any of it is stored.
 */
const laneShuffle = (name: string, bytes: number, first: number, base: number): string => `
fn ${name}(ctx: i32, dst: i32, src: i32, imm: i32) {
  let from = src + ${base};
  let a = load${bytes}(from + ((imm & 3) << ${bytes === 32 ? 2 : 1}));
  let b = load${bytes}(from + (((imm >>> 2) & 3) << ${bytes === 32 ? 2 : 1}));
  let c = load${bytes}(from + (((imm >>> 4) & 3) << ${bytes === 32 ? 2 : 1}));
  let d = load${bytes}(from + (((imm >>> 6) & 3) << ${bytes === 32 ? 2 : 1}));
  ${first >= 0 ? `store64(dst + ${first}, load64(src + ${first}));` : ""}
  store${bytes}(dst + ${base}, a);
  store${bytes}(dst + ${base + bytes / 8}, b);
  store${bytes}(dst + ${base + bytes / 4}, c);
  store${bytes}(dst + ${base + (3 * bytes) / 8}, d);
}
`;

export const VECTOR_LANES: string = `
${laneShuffle("pshufd", 32, -1, 0)}
${laneShuffle("pshuflw", 16, 8, 0)}
${laneShuffle("pshufhw", 16, 0, 8)}
${laneShuffle("pshufw", 16, -1, 0)}

fn shufps(ctx: i32, dst: i32, src: i32, imm: i32) {
  let a = load32(dst + ((imm & 3) << 2));
  let b = load32(dst + (((imm >>> 2) & 3) << 2));
  let c = load32(src + (((imm >>> 4) & 3) << 2));
  let d = load32(src + (((imm >>> 6) & 3) << 2));
  store32(dst, a);
  store32(dst + 4, b);
  store32(dst + 8, c);
  store32(dst + 12, d);
}

fn shufpd(ctx: i32, dst: i32, src: i32, imm: i32) {
  let a = load64(dst + ((imm & 1) << 3));
  let b = load64(src + ((imm & 2) << 2));
  store64(dst, a);
  store64(dst + 8, b);
}

// Bytes of dst:src (dst above) from position imm on.
fn align_bytes(ctx: i32, dst: i32, src: i32, imm: i32, bytes: i32) {
  let i = 0;
  while (i < bytes) {
    let at = i + imm;
    let value = 0;
    if (at < bytes) { value = load8(src + at); }
    else if (at < bytes + bytes) { value = load8(dst + at - bytes); }
    store8(ctx + OPERAND + i, value);
    i += 1;
  }
  copy_bytes(dst, ctx + OPERAND, bytes);
}

fn palignr(ctx: i32, dst: i32, src: i32, imm: i32) { align_bytes(ctx, dst, src, imm, 16); }
fn palignr_mmx(ctx: i32, dst: i32, src: i32, imm: i32) { align_bytes(ctx, dst, src, imm, 8); }

fn psrldq(ctx: i32, dst: i32, imm: i32) {
  let low = load64(dst);
  let high = load64(dst + 8);
  let bits = imm << 3;
  if (imm > 15) { low = 0n; high = 0n; }
  else if (imm >= 8) { low = high >>> (bits - 64); high = 0n; }
  else if (imm > 0) { low = (low >>> bits) | (high << (64 - bits)); high = high >>> bits; }
  store64(dst, low);
  store64(dst + 8, high);
}

fn pslldq(ctx: i32, dst: i32, imm: i32) {
  let low = load64(dst);
  let high = load64(dst + 8);
  let bits = imm << 3;
  if (imm > 15) { low = 0n; high = 0n; }
  else if (imm >= 8) { high = low << (bits - 64); low = 0n; }
  else if (imm > 0) { high = (high << bits) | (low >>> (64 - bits)); low = low << bits; }
  store64(dst, low);
  store64(dst + 8, high);
}

fn pblendw(ctx: i32, dst: i32, src: i32, imm: i32) {
  let i = 0;
  while (i < 8) {
    if (((imm >>> i) & 1) != 0) { store16(dst + (i << 1), load16(src + (i << 1))); }
    i += 1;
  }
}

fn blendps(ctx: i32, dst: i32, src: i32, imm: i32) {
  let i = 0;
  while (i < 4) {
    if (((imm >>> i) & 1) != 0) { store32(dst + (i << 2), load32(src + (i << 2))); }
    i += 1;
  }
}

fn blendpd(ctx: i32, dst: i32, src: i32, imm: i32) {
  if ((imm & 1) != 0) { store64(dst, load64(src)); }
  if ((imm & 2) != 0) { store64(dst + 8, load64(src + 8)); }
}

// The implicit mask is XMM0.
fn pblendvb(ctx: i32, dst: i32, src: i32, imm: i32) {
  let i = 0;
  while (i < 16) {
    store8(ctx + OPERAND + i, load8s(ctx + VECTORS + i) < 0 ? load8(src + i) : load8(dst + i));
    i += 1;
  }
  store128(dst, load128(ctx + OPERAND));
}

fn blendvps(ctx: i32, dst: i32, src: i32, imm: i32) {
  let i = 0;
  while (i < 16) {
    store32(ctx + OPERAND + i, load32(ctx + VECTORS + i) < 0 ? load32(src + i) : load32(dst + i));
    i += 4;
  }
  store128(dst, load128(ctx + OPERAND));
}

fn blendvpd(ctx: i32, dst: i32, src: i32, imm: i32) {
  let low = load64(ctx + VECTORS) < 0n ? load64(src) : load64(dst);
  let high = load64(ctx + VECTORS + 8) < 0n ? load64(src + 8) : load64(dst + 8);
  store64(dst, low);
  store64(dst + 8, high);
}

// value is the source's doubleword: its lane is chosen by imm only when the source is a register.
fn insertps(ctx: i32, dst: i32, value: i32, imm: i32) {
  store32(dst + ((imm >>> 2) & 12), value);
  let i = 0;
  while (i < 4) {
    if (((imm >>> i) & 1) != 0) { store32(dst + (i << 2), 0); }
    i += 1;
  }
}

fn mpsadbw(ctx: i32, dst: i32, src: i32, imm: i32) {
  let block = src + ((imm & 3) << 2);
  let start = dst + (imm & 4);
  let i = 0;
  while (i < 8) {
    let sum = 0;
    let j = 0;
    while (j < 4) {
      let difference = load8(start + i + j) - load8(block + j);
      sum += difference < 0 ? -difference : difference;
      j += 1;
    }
    store16(ctx + OPERAND + (i << 1), sum);
    i += 1;
  }
  store128(dst, load128(ctx + OPERAND));
}

fn phminposuw(ctx: i32, dst: i32, src: i32, imm: i32) {
  let least = load16(src);
  let at = 0;
  let i = 1;
  while (i < 8) {
    let value = load16(src + (i << 1));
    if (value < least) { least = value; at = i; }
    i += 1;
  }
  store64(dst, u64(least | (at << 16)));
  store64(dst + 8, 0n);
}

fn masked_store(ctx: i32, to: i32, from: i32, mask: i32, bytes: i32) {
  let i = 0;
  while (i < bytes) {
    if (load8s(mask + i) < 0) { store8(to + i, load8(from + i)); }
    i += 1;
  }
}

// ZF when src AND dst is 0, CF when src AND NOT dst is.
fn ptest(ctx: i32, dst: i32, src: i32) -> i32 {
  let both = (load64(dst) & load64(src)) | (load64(dst + 8) & load64(src + 8));
  let only = (~load64(dst) & load64(src)) | (~load64(dst + 8) & load64(src + 8));
  return ((both == 0n) << 6) | (only == 0n);
}
`;
