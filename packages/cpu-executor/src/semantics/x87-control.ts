import { type I32, i32, load } from "@likex/wasm-emitter";
import { CONTEXT, FPU, RFLAGS } from "../context.ts";
import type { SemanticsBuilder } from "./builder.ts";
import type { SemanticsEntry, SemanticsTable } from "./table.ts";
import { call, checkWith, memorySource, perform, probeAt, readAt } from "./vector-access.ts";
import { checkX87 } from "./x87.ts";

const entry = (write: SemanticsEntry["write"]): SemanticsEntry => ({ extension: true, write });

const CR0_PE = 1;

/** Instructions that do not wait for pending exceptions. */
const control = (write: (b: SemanticsBuilder) => void): SemanticsEntry =>
  entry((b) => {
    checkWith(b, "x87_check_control");
    write(b);
  });

/** Those that do. */
const waiting = (write: (b: SemanticsBuilder) => void): SemanticsEntry =>
  entry((b) => {
    checkWith(b, "x87_check");
    write(b);
  });

/** The environment's format: 28 bytes with a 32- or 64-bit operand size, 14 with 16 bits. */
const isWide = (b: SemanticsBuilder): boolean => b.shape.bits !== 16;
const environmentBytes = (b: SemanticsBuilder): number => (isWide(b) ? 28 : 14);

/** Real-address and virtual-8086 mode have other pointers in the environment. */
function isReal(b: SemanticsBuilder): I32 {
  const protectedMode = i32.and(b.contextLoad(FPU.cr0, 32) as I32, i32.const(CR0_PE));
  const virtual = i32.and(b.contextLoad(CONTEXT.flagRest, 32) as I32, i32.const(RFLAGS.vm));
  return i32.or(i32.eqz(protectedMode), i32.ne(virtual, i32.const(0)));
}

const REGISTERS_BYTES = 80;

const storeImage = (registers: 0 | 80): SemanticsEntry =>
  control((b) => {
    const bytes = environmentBytes(b) + registers;
    const target = probeAt(b, b.let(b.operandLinear(b.effectiveAddress(), bytes, "write")), bytes);
    const wide = i32.const(isWide(b) ? 1 : 0);
    perform(b, "x87_store_environment", target.address, wide, isReal(b));
    if (registers !== 0) perform(b, "x87_store_registers", i32.add(target.address, i32.const(environmentBytes(b))));
    target.commit();
    perform(b, registers === 0 ? "x87_environment_stored" : "x87_init");
  });

const loadImage = (registers: 0 | 80): SemanticsEntry =>
  waiting((b) => {
    const bytes = environmentBytes(b) + registers;
    const address = readAt(b, b.let(b.operandLinear(b.effectiveAddress(), bytes)), bytes);
    perform(b, "x87_load_environment", address, i32.const(isWide(b) ? 1 : 0), isReal(b));
    if (registers !== 0) perform(b, "x87_load_registers", i32.add(address, i32.const(environmentBytes(b))));
  });

export const x87Control: SemanticsTable = {
  fninit: control((b) => perform(b, "x87_init")),
  fnclex: control((b) => perform(b, "x87_clear")),
  // What only the 8087 and 80287 do.
  fneni: control(() => {}),
  fndisi: control(() => {}),
  fnsetpm: control(() => {}),
  fwait: entry((b) => checkWith(b, "wait_check")),
  fldcw: entry((b) => {
    checkX87(b);
    const value = load.u16(memorySource(b, 0));
    if (b.leavesRareCases) b.quickX87("x87_quick_control", [value]);
    else perform(b, "x87_set_control", value);
  }),
  fnstcw: control((b) => b.write(0, b.let(b.contextLoad(FPU.control, 16)))),
  fnstsw: control((b) =>
    b.write(0, b.let(b.leavesRareCases ? b.quickX87("x87_quick_status", []) : call(b, "x87_status"))),
  ),
  fnstenv: storeImage(0),
  fldenv: loadImage(0),
  fnsave: storeImage(REGISTERS_BYTES),
  frstor: loadImage(REGISTERS_BYTES),
};
