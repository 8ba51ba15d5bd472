/**
 * Guest memory for operands that do not fit a register of the builder, where the soft TLB does not have their page. Both give
 * the host address of BUFFER, or 0 with a status at ACCESS_STATUS.
 */
export const MEMORY: string = `
fn memory_read_slow(ctx: i32, linear: i64, bytes: i32) -> i32 {
  let done = 0;
  while (done < bytes) {
    let size = piece(bytes - done, bytes);
    let at = linear + u64(done);
    let status = slow_read(ctx, size, wrap(at), wrap(at >>> 32));
    if (status) { store32(ctx + ACCESS_STATUS, status); return 0; }
    put_piece(ctx + BUFFER + done, load64(ctx + MEMORY_VALUE), size);
    done += size;
  }
  return ctx + BUFFER;
}

// Accesses of 8, 4, 2 and 1 bytes: what device memory understands. Images are made of 4 bytes, the environments of 16-bit
// code of 2: so much must be aligned where alignment is checked (SDM Vol 3A, table 6-7).
fn piece(bytes: i32, all: i32) -> i32 {
  let widest = all <= 16 && all != 14 ? 8 : (all & 3) == 0 ? 4 : 2;
  return bytes >= widest ? widest : bytes >= 4 ? 4 : bytes >= 2 ? 2 : 1;
}

fn put_piece(to: i32, value: i64, size: i32) {
  if (size == 8) { store64(to, value); }
  else if (size == 4) { store32(to, wrap(value)); }
  else if (size == 2) { store16(to, wrap(value)); }
  else { store8(to, wrap(value)); }
}

// After this nothing can fail: the bytes are written to the address that it gives, then memory_commit is called.
fn memory_probe_slow(ctx: i32, linear: i64, bytes: i32) -> i32 {
  let done = 0;
  while (done < bytes) {
    let size = piece(bytes - done, bytes);
    let at = linear + u64(done);
    let status = slow_probe(ctx, size, wrap(at), wrap(at >>> 32));
    if (status) { store32(ctx + ACCESS_STATUS, status); return 0; }
    done += size;
  }
  return ctx + BUFFER;
}

// Gives the first failing status, which only device memory can have after the probe.
fn memory_commit(ctx: i32, linear: i64, bytes: i32, from: i32) -> i32 {
  if (from != ctx + BUFFER) { return 0; }
  let done = 0;
  while (done < bytes) {
    let size = piece(bytes - done, bytes);
    let at = linear + u64(done);
    let value = size == 8 ? load64(from + done) : size == 4 ? u64(load32(from + done)) : size == 2 ? u64(load16(from + done)) : u64(load8(from + done));
    store64(ctx + MEMORY_VALUE, value);
    let status = slow_write(ctx, size, wrap(at), wrap(at >>> 32));
    if (status) { return status; }
    done += size;
  }
  return 0;
}

fn copy_bytes(to: i32, from: i32, bytes: i32) {
  let at = 0;
  while (at + 8 <= bytes) { store64(to + at, load64(from + at)); at += 8; }
  while (at < bytes) { store8(to + at, load8(from + at)); at += 1; }
}

// From OPERAND to the operand's place; sizes of x87 operands.
fn copy_operand(ctx: i32, to: i32, from: i32, bytes: i32) {
  copy_bytes(to, from, bytes);
}
`;
