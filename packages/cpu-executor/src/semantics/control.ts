import { type I32, type I64, i32, i64 } from "@likex/wasm-emitter";
import { CONDITIONS } from "../flags.ts";
import { HELPER, STATUS } from "../status.ts";
import type { SemanticsBuilder } from "./builder.ts";
import type { Semantics, SemanticsEntry, SemanticsTable } from "./table.ts";

const isIndirect = (b: SemanticsBuilder): boolean => b.operand(0).kind !== "immediate";

const helper =
  (number: number): Semantics =>
  (b) =>
    b.stop(STATUS.helper, i32.const(number));

const helperEntry = (number: number): SemanticsEntry => ({ write: helper(number), endsBlock: true, isOutside: true });

/** Counts rCX down at the address size and yields the new count. */
function countDown(b: SemanticsBuilder): I64 {
  const left = b.let(b.addressTruncate(i64.sub(b.readRegister(1, 64) as I64, i64.const(1))));
  b.writeAddressRegister(1, left);
  return left;
}

const notZero = (value: I64): I32 => i64.ne(value, i64.const(0));

export const control: SemanticsTable = {
  jmp: {
    endsBlock: true,
    write: (b) => {
      if (!isIndirect(b)) {
        b.branch(undefined);
        return;
      }
      const target = b.width.zeroExtend64(b.let(b.read(0)));
      b.checkTarget(target);
      b.branchIndirect(target);
    },
  },
  call: {
    endsBlock: true,
    write: (b) => {
      const target = isIndirect(b) ? b.width.zeroExtend64(b.let(b.read(0))) : undefined;
      if (target !== undefined) b.checkTarget(target);
      b.push(b.width, b.width.from64(b.nextRip()));
      if (target === undefined) b.branch(undefined);
      else b.branchIndirect(target);
    },
  },
  ret: {
    endsBlock: true,
    write: (b) => {
      const extra =
        b.shape.operands.length > 0 ? i64.extendU(i32.and(b.read(0) as I32, i32.const(0xffff))) : i64.const(0);
      const { value, commit } = b.pop(b.width, extra);
      b.checkTarget(b.width.zeroExtend64(value));
      commit();
      b.branchIndirect(b.width.zeroExtend64(value));
    },
  },
  loop: { endsBlock: true, write: (b) => b.branch(notZero(countDown(b))) },
  loope: {
    endsBlock: true,
    write: (b) => {
      const zero = b.let(b.condition(4));
      b.branch(i32.and(notZero(countDown(b)), zero));
    },
  },
  loopne: {
    endsBlock: true,
    write: (b) => {
      const notEqual = b.let(b.condition(5));
      b.branch(i32.and(notZero(countDown(b)), notEqual));
    },
  },
  jrcxz: { endsBlock: true, write: (b) => b.branch(i64.eqz(b.addressTruncate(b.readRegister(1, 64) as I64))) },
  ...Object.fromEntries(
    CONDITIONS.map((condition, number): [string, SemanticsEntry] => [
      `j${condition}`,
      { endsBlock: true, write: (b) => b.branch(b.condition(number)) },
    ]),
  ),
  // Not an instruction: how a block ends that no instruction ends.
  continue: { endsBlock: true, write: (b) => b.branch(undefined) },
  jmpFar: helperEntry(HELPER.jumpFar),
  callFar: helperEntry(HELPER.callFar),
  retf: helperEntry(HELPER.returnFar),
  int3: helperEntry(HELPER.breakpoint),
  into: helperEntry(HELPER.interruptOnOverflow),
  int1: helperEntry(HELPER.debugTrap),
  bound: helperEntry(HELPER.bound),
  enter: helperEntry(HELPER.enter),
  moveToSegment: helperEntry(HELPER.moveToSegment),
  popSegment: helperEntry(HELPER.popSegment),
  les: helperEntry(HELPER.loadFarPointer),
  lds: helperEntry(HELPER.loadFarPointer),
  lss: helperEntry(HELPER.loadFarPointer),
  lfs: helperEntry(HELPER.loadFarPointer),
  lgs: helperEntry(HELPER.loadFarPointer),
  arpl: helperEntry(HELPER.arpl),
  lar: helperEntry(HELPER.lar),
  lsl: helperEntry(HELPER.lsl),
  verr: helperEntry(HELPER.verr),
  verw: helperEntry(HELPER.verw),
  syscall: helperEntry(HELPER.syscall),
  sysret: helperEntry(HELPER.sysret),
  sysenter: helperEntry(HELPER.sysenter),
  sysexit: helperEntry(HELPER.sysexit),
  swapgs: helperEntry(HELPER.swapgs),
  rdfsbase: helperEntry(HELPER.readFsBase),
  rdgsbase: helperEntry(HELPER.readGsBase),
  wrfsbase: helperEntry(HELPER.writeFsBase),
  wrgsbase: helperEntry(HELPER.writeGsBase),
  clac: helperEntry(HELPER.clac),
  stac: helperEntry(HELPER.stac),
  rdrand: helperEntry(HELPER.readRandom),
  rdseed: helperEntry(HELPER.readSeed),
  rdpid: helperEntry(HELPER.readProcessorId),
  invpcid: helperEntry(HELPER.invalidatePcid),
  rdpkru: helperEntry(HELPER.readPkru),
  wrpkru: helperEntry(HELPER.writePkru),
};
