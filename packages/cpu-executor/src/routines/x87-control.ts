/** x87 control instructions, and the images of the state in memory (SDM Vol 1, figures 8-9 to 8-12 and table 10-2). */
export const X87_CONTROL: string = `
fn x87_init(ctx: i32) {
  store32(ctx + CONTROL, 0x37f);
  store32(ctx + STATUS, 0);
  store32(ctx + TOP, 0);
  store32(ctx + TAGS, 0);
  store32(ctx + OPCODE, 0);
  store64(ctx + INSTRUCTION, 0n);
  store64(ctx + DATA, 0n);
}

fn x87_clear(ctx: i32) {
  store32(ctx + STATUS, load32(ctx + STATUS) & 0x7f00);
}

fn x87_status(ctx: i32) -> i32 {
  return load32(ctx + STATUS) | (load32(ctx + TOP) << 11);
}

// Bit 6 is always 1; bits 7 and 15:13 do not exist.
fn x87_set_control(ctx: i32, value: i32) {
  store32(ctx + CONTROL, (value & 0x1f3f) | 0x40);
  x87_summary(ctx);
}

fn x87_set_status(ctx: i32, value: i32) {
  store32(ctx + STATUS, value & 0xc7ff);
  store32(ctx + TOP, (value >>> 11) & 7);
  x87_summary(ctx);
}

// Two bits a register: 0 valid, 1 zero, 2 special, 3 empty
fn x87_full_tags(ctx: i32) -> i32 {
  let tags = 0;
  let i = 0;
  while (i < 8) {
    let at = ctx + REGISTERS + (i << 4);
    let class = classify(load16(at + 8), load64(at));
    let tag = class == 1 ? 1 : class == 2 && (load16(at + 8) & 0x7fff) != 0 ? 0 : 2;
    if (((load32(ctx + TAGS) >>> i) & 1) == 0) { tag = 3; }
    tags |= tag << (i << 1);
    i += 1;
  }
  return tags;
}

fn x87_set_full_tags(ctx: i32, tags: i32) {
  let valid = 0;
  let i = 0;
  while (i < 8) {
    if (((tags >>> (i << 1)) & 3) != 3) { valid |= 1 << i; }
    i += 1;
  }
  store32(ctx + TAGS, valid);
}

// Real-address and virtual-8086 mode have linear pointers without selectors in the environment.
fn x87_store_environment(ctx: i32, to: i32, wide: i32, real: i32) {
  let tags = x87_full_tags(ctx);
  let ip = wrap(load64(ctx + INSTRUCTION));
  let dp = wrap(load64(ctx + DATA));
  let opcode = load32(ctx + OPCODE) & 0x7ff;
  if (wide) {
    store32(to, load32(ctx + CONTROL) | 0xffff0000);
    store32(to + 4, x87_status(ctx) | 0xffff0000);
    store32(to + 8, tags | 0xffff0000);
    if (real) {
      store32(to + 12, (ip & 0xffff) | 0xffff0000);
      store32(to + 16, ((ip >>> 16) << 12) | opcode);
      store32(to + 20, (dp & 0xffff) | 0xffff0000);
      store32(to + 24, (dp >>> 16) << 12);
    } else {
      store32(to + 12, ip);
      store32(to + 16, opcode << 16);
      store32(to + 20, dp);
      store32(to + 24, 0xffff0000);
    }
  } else {
    store16(to, load32(ctx + CONTROL));
    store16(to + 2, x87_status(ctx));
    store16(to + 4, tags);
    store16(to + 6, ip);
    store16(to + 10, dp);
    if (real) {
      store16(to + 8, ((ip >>> 16) << 12) | opcode);
      store16(to + 12, (dp >>> 16) << 12);
    } else {
      store16(to + 8, 0);
      store16(to + 12, 0);
    }
  }
}

// After the image was written: FNSTENV masks every exception.
fn x87_environment_stored(ctx: i32) {
  store32(ctx + CONTROL, load32(ctx + CONTROL) | 0x3f);
  x87_summary(ctx);
}

fn x87_load_environment(ctx: i32, from: i32, wide: i32, real: i32) {
  let ip = 0;
  let dp = 0;
  let opcode = 0;
  let step = wide ? 4 : 2;
  if (wide) {
    ip = load32(from + 12);
    dp = load32(from + 20);
    opcode = load32(from + 16) >>> 16;
    if (real) {
      opcode = load32(from + 16);
      ip = (ip & 0xffff) | ((opcode << 4) & 0xffff0000);
      dp = (dp & 0xffff) | ((load32(from + 24) << 4) & 0xffff0000);
    }
  } else {
    ip = load16(from + 6);
    dp = load16(from + 10);
    if (real) {
      opcode = load16(from + 8);
      ip = ip | ((opcode << 4) & 0xf0000);
      dp = dp | ((load16(from + 12) << 4) & 0xf0000);
    }
  }
  store64(ctx + INSTRUCTION, u64(ip));
  store64(ctx + DATA, u64(dp));
  store32(ctx + OPCODE, opcode & 0x7ff);
  store32(ctx + CONTROL, (load16(from) & 0x1f3f) | 0x40);
  x87_set_full_tags(ctx, load16(from + step + step));
  x87_set_status(ctx, load16(from + step));
}

// The eight registers by stack position, ten bytes each
fn x87_store_registers(ctx: i32, to: i32) {
  let i = 0;
  while (i < 8) {
    let at = st(ctx, i);
    store64(to + i * 10, load64(at));
    store16(to + 8 + i * 10, load16(at + 8));
    i += 1;
  }
}

fn x87_load_registers(ctx: i32, from: i32) {
  let i = 0;
  while (i < 8) {
    let at = st(ctx, i);
    store64(at, load64(from + i * 10));
    store16(at + 8, load16(from + 8 + i * 10));
    i += 1;
  }
}

// The legacy region of an XSAVE area: parts bit 0 x87, bit 1 SSE. wide: 64-bit pointers (REX.W).
fn fx_store(ctx: i32, to: i32, parts: i32, wide: i32, vectors: i32) {
  if ((parts & 1) != 0) {
    store16(to, load32(ctx + CONTROL));
    store16(to + 2, x87_status(ctx));
    store16(to + 4, load32(ctx + TAGS));
    store16(to + 6, load32(ctx + OPCODE));
    if (wide) {
      store64(to + 8, load64(ctx + INSTRUCTION));
      store64(to + 16, load64(ctx + DATA));
    } else {
      store64(to + 8, load64(ctx + INSTRUCTION) & 0xffffffffn);
      store64(to + 16, load64(ctx + DATA) & 0xffffffffn);
    }
    let i = 0;
    while (i < 8) {
      let at = st(ctx, i);
      store64(to + 32 + (i << 4), load64(at));
      store64(to + 40 + (i << 4), u64(load16(at + 8)));
      i += 1;
    }
  }
  if ((parts & 2) != 0) {
    let i = 0;
    while (i < vectors) {
      store128(to + 160 + (i << 4), load128(ctx + VECTORS + (i << 5)));
      i += 1;
    }
  }
}

// The instruction pointer has as many bits as the longest linear addresses, 57.
fn linear_pointer(value: i64) -> i64 {
  return (value << 7) >> 7;
}

fn fx_load(ctx: i32, from: i32, parts: i32, wide: i32, vectors: i32) {
  if ((parts & 1) != 0) {
    store32(ctx + CONTROL, (load16(from) & 0x1f3f) | 0x40);
    store32(ctx + TAGS, load8(from + 4));
    store32(ctx + OPCODE, load16(from + 6) & 0x7ff);
    if (wide) {
      store64(ctx + INSTRUCTION, linear_pointer(load64(from + 8)));
      store64(ctx + DATA, load64(from + 16));
    } else {
      store64(ctx + INSTRUCTION, u64(load32(from + 8)));
      store64(ctx + DATA, u64(load32(from + 16)));
    }
    x87_set_status(ctx, load16(from + 2));
    let i = 0;
    while (i < 8) {
      let at = st(ctx, i);
      store64(at, load64(from + 32 + (i << 4)));
      store16(at + 8, load16(from + 40 + (i << 4)));
      i += 1;
    }
  }
  if ((parts & 2) != 0) {
    let i = 0;
    while (i < vectors) {
      store128(ctx + VECTORS + (i << 5), load128(from + 160 + (i << 4)));
      i += 1;
    }
  }
}

fn mxcsr_store(ctx: i32, to: i32) {
  store32(to + 24, load32(ctx + MXCSR));
  store32(to + 28, 0xffff);
}

// Upper halves of the vector registers, component 2 of the XSAVE area
fn ymm_store(ctx: i32, to: i32, vectors: i32) {
  let i = 0;
  while (i < vectors) {
    store128(to + (i << 4), load128(ctx + (VECTORS + 16) + (i << 5)));
    i += 1;
  }
}

fn ymm_load(ctx: i32, from: i32, vectors: i32) {
  let i = 0;
  while (i < vectors) {
    store128(ctx + (VECTORS + 16) + (i << 5), load128(from + (i << 4)));
    i += 1;
  }
}

// Components that are not in their initial configuration (SDM Vol 1, 13.6): x87 1, SSE 2, AVX 4
fn xstate_in_use(ctx: i32) -> i32 {
  let used = 0;
  if (load32(ctx + CONTROL) != 0x37f || (load32(ctx + STATUS) | load32(ctx + TOP) | load32(ctx + TAGS) | load32(ctx + OPCODE)) != 0) { used = 1; }
  let any = load64(ctx + INSTRUCTION) | load64(ctx + DATA);
  let i = 0;
  while (i < 8) {
    any = any | load64(ctx + REGISTERS + (i << 4)) | u64(load16(ctx + REGISTERS + 8 + (i << 4)));
    i += 1;
  }
  if (any != 0n) { used = 1; }
  let low = 0n;
  let high = 0n;
  i = 0;
  while (i < 16) {
    let at = ctx + VECTORS + (i << 5);
    low = low | load64(at) | load64(at + 8);
    high = high | load64(at + 16) | load64(at + 24);
    i += 1;
  }
  if (low != 0n) { used |= 2; }
  if (high != 0n) { used |= 4; }
  return used;
}

// XSAVE (optimized = 0) and XSAVEOPT in the standard format; parts is the requested-feature bitmap.
fn xstate_store(ctx: i32, to: i32, requested: i32, wide: i32, vectors: i32, optimized: i32) {
  let used = xstate_in_use(ctx);
  let written = optimized ? requested & used : requested;
  fx_store(ctx, to, written, wide, vectors);
  if ((requested & 6) != 0) {
    mxcsr_store(ctx, to);
  }
  if ((written & 4) != 0) { ymm_store(ctx, to + 576, vectors); }
  store64(to + 512, (load64(to + 512) & ~u64(requested)) | u64(used & requested));
}

// 1 when the header or MXCSR is not valid: #GP. Needs the whole area readable.
fn xstate_load(ctx: i32, from: i32, requested: i32, wide: i32, vectors: i32) -> i32 {
  let present = load64(from + 512);
  if ((present & ~load64(ctx + XCR0)) != 0n) { return 1; }
  if ((load64(from + 520) | load64(from + 528)) != 0n) { return 1; }
  let restored = wrap(present) & requested;
  if ((requested & 6) != 0) {
    if ((load32(from + 24) & 0xffff0000) != 0) { return 1; }
    store32(ctx + MXCSR, load32(from + 24));
  }
  fx_load(ctx, from, restored, wide, vectors);
  if ((restored & 4) != 0) { ymm_load(ctx, from + 576, vectors); }
  let reset = requested & ~restored;
  if ((reset & 1) != 0) {
    x87_init(ctx);
    let i = 0;
    while (i < 16) {
      store64(ctx + REGISTERS + (i << 3), 0n);
      i += 1;
    }
  }
  let i = 0;
  while (i < vectors) {
    let at = ctx + VECTORS + (i << 5);
    if ((reset & 2) != 0) { store64(at, 0n); store64(at + 8, 0n); }
    if ((reset & 4) != 0) { store64(at + 16, 0n); store64(at + 24, 0n); }
    i += 1;
  }
  return 0;
}
`;
