import { type I32, type I64, i32, i64, load } from "@likex/wasm-emitter";
import { FPU } from "../context.ts";
import type { SegmentAccess, SemanticsBuilder } from "./builder.ts";
import type { SemanticsEntry, SemanticsTable } from "./table.ts";
import { call, checkSse, checkWith, memorySource, perform, probeAt, readAt } from "./vector-access.ts";

const entry = (write: SemanticsEntry["write"]): SemanticsEntry => ({ extension: true, write });

const GENERAL_PROTECTION = 13;
const FX_BYTES = 512;
const HEADER_END = 576;
const AVX_END = 832;

/** Linear address of the memory operand, which must be a multiple of `alignment`: looked at after the segment. */
function alignedLinear(b: SemanticsBuilder, bytes: number, alignment: number, access: SegmentAccess): I64 {
  const linear = b.let(b.operandLinear(b.effectiveAddress(), bytes, access));
  b.code.if(i32.and(i32.wrap(linear), i32.const(alignment - 1)), () => b.raise(GENERAL_PROTECTION));
  return linear;
}

/** XMM registers that exist: eight outside of 64-bit mode. There the flat segment has no base, whatever the operand. */
function vectorCount(b: SemanticsBuilder): I32 {
  return b.let(i32.shl(i32.const(8), b.code.call("i32", b.routine("is_long_mode"), b.contextAddress())));
}

/** Whether the image has pointers of 64 bits: the instruction's name says so (REX.W). */
const isWide = (b: SemanticsBuilder): I32 => i32.const(b.shape.mnemonic.endsWith("64") ? 1 : 0);

const fxsave = entry((b) => {
  checkWith(b, "x87_check_control");
  const linear = alignedLinear(b, FX_BYTES, 16, "write");
  // Bytes that FXSAVE does not write keep their values: they are read first where the image is put together elsewhere.
  const target = probeAt(b, linear, FX_BYTES);
  fillBuffer(b, target.address, linear, FX_BYTES);
  perform(b, "fx_store", target.address, i32.const(3), isWide(b), vectorCount(b));
  perform(b, "mxcsr_store", target.address);
  target.commit();
});

/** Reads what is in memory into the buffer when it stands for memory. */
function fillBuffer(b: SemanticsBuilder, address: I32, linear: I64, bytes: number): void {
  b.code.if(b.isBuffer(address), () => {
    const read = call(b, "memory_read_slow", linear, i32.const(bytes));
    b.code.if(i32.eqz(read), () => b.fail(load.i32(b.contextAddress(), FPU.accessStatus)));
  });
}

const fxrstor = entry((b) => {
  checkWith(b, "x87_check_control");
  const address = readAt(b, alignedLinear(b, FX_BYTES, 16, "read"), FX_BYTES);
  raiseOnReservedMxcsr(b, load.i32(address, 24));
  b.contextStore(FPU.mxcsr, 32, load.i32(address, 24));
  perform(b, "fx_load", address, i32.const(3), isWide(b), vectorCount(b));
});

function raiseOnReservedMxcsr(b: SemanticsBuilder, value: I32): void {
  b.code.if(i32.shrU(value, i32.const(16)), () => b.raise(GENERAL_PROTECTION));
}

/** EDX:EAX and XCR0: the components that are asked for. Only the low 32 bits can be set in XCR0. */
const requested = (b: SemanticsBuilder): I32 =>
  b.let(i32.and(b.readRegister(0, 32) as I32, b.contextLoad(FPU.xcr0, 32) as I32));

/** Bytes that the components need: those behind the header only with AVX. Both sizes are code of their own. */
function withArea(
  b: SemanticsBuilder,
  components: I32,
  access: SegmentAccess,
  write: (linear: I64, bytes: number) => void,
): void {
  const linear = alignedLinear(b, HEADER_END, 64, access);
  b.code.if(
    i32.and(components, i32.const(4)),
    () => write(linear, AVX_END),
    () => write(linear, HEADER_END),
  );
}

const xsave = (optimized: 0 | 1): SemanticsEntry =>
  entry((b) => {
    checkWith(b, "xsave_check");
    const components = requested(b);
    withArea(b, components, "write", (linear, bytes) => {
      const target = probeAt(b, linear, bytes);
      fillBuffer(b, target.address, linear, bytes);
      perform(b, "xstate_store", target.address, components, isWide(b), vectorCount(b), i32.const(optimized));
      target.commit();
    });
  });

const xrstor = entry((b) => {
  checkWith(b, "xsave_check");
  const components = requested(b);
  withArea(b, components, "read", (linear, bytes) => {
    const address = readAt(b, linear, bytes);
    const refused = call(b, "xstate_load", address, components, isWide(b), vectorCount(b));
    b.code.if(refused, () => b.raise(GENERAL_PROTECTION));
  });
});

/** FXSAVE, XSAVE and what restores them, and the registers that control SSE and XSAVE. */
export const extendedState: SemanticsTable = {
  fxsave,
  fxsave64: fxsave,
  fxrstor,
  fxrstor64: fxrstor,
  xsave: xsave(0),
  xsave64: xsave(0),
  xsaveopt: xsave(1),
  xsaveopt64: xsave(1),
  xrstor,
  xrstor64: xrstor,
  // XCR0, or with 1 in ECX the components in use (SDM Vol 2, XGETBV).
  xgetbv: entry((b) => {
    checkWith(b, "xgetbv_check");
    const which = b.let(b.readRegister(1, 32) as I32);
    b.code.if(i32.gtU(which, i32.const(1)), () => b.raise(GENERAL_PROTECTION));
    const xcr0 = b.let(b.contextLoad(FPU.xcr0, 64)) as I64;
    const low = b.let(i32.wrap(xcr0));
    const inUse = i32.and(call(b, "xstate_in_use"), low);
    const value = b.temporary("i32");
    b.code.if(
      which,
      () => b.code.set(value, inUse),
      () => b.code.set(value, low),
    );
    b.writeRegister(0, 32, b.code.get(value));
    b.writeRegister(2, 32, i32.wrap(i64.shrU(xcr0, i64.const(32))));
  }),
  ldmxcsr: entry((b) => {
    checkSse(b);
    const value = b.let(load.i32(memorySource(b, 0)));
    raiseOnReservedMxcsr(b, value);
    b.contextStore(FPU.mxcsr, 32, value);
    b.forget("mxcsr");
    b.forget("sticky");
  }),
  stmxcsr: entry((b) => {
    checkSse(b);
    b.write(0, b.let(b.contextLoad(FPU.mxcsr, 32)));
  }),
};
