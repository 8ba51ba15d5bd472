import { i32 } from "@likex/wasm-emitter";
import { setCarryFlags } from "./flag-values.ts";
import type { SemanticsTable } from "./table.ts";

export const arithmetic: SemanticsTable = {
  add: {
    write: (b) => {
      const { value, write } = b.modify(0);
      const source = b.let(b.read(1));
      const result = b.let(b.width.add(value, source));
      write(result);
      b.setFlags("add", result, source);
    },
  },
  sub: {
    write: (b) => {
      const { value, write } = b.modify(0);
      const source = b.let(b.read(1));
      const result = b.let(b.width.sub(value, source));
      write(result);
      b.setFlags("sub", result, source, value);
    },
  },
  cmp: {
    write: (b) => {
      const value = b.let(b.read(0));
      const source = b.let(b.read(1));
      b.setFlags("sub", b.let(b.width.sub(value, source)), source, value);
    },
  },
  adc: {
    write: (b) => {
      const w = b.width;
      const { value, write } = b.modify(0);
      const source = b.let(b.read(1));
      const result = b.let(w.add(w.add(value, source), w.from32(b.carry())));
      write(result);
      setCarryFlags(b, w, result, w.or(w.and(value, source), w.and(w.or(value, source), w.not(result))));
    },
  },
  sbb: {
    write: (b) => {
      const w = b.width;
      const { value, write } = b.modify(0);
      const source = b.let(b.read(1));
      const result = b.let(w.sub(w.sub(value, source), w.from32(b.carry())));
      write(result);
      const notValue = b.let(w.not(value));
      setCarryFlags(b, w, result, w.or(w.and(notValue, source), w.and(w.or(notValue, source), result)));
    },
  },
  inc: {
    write: (b) => {
      const { value, write } = b.modify(0);
      const carry = b.keptCarry();
      const result = b.let(b.width.add(value, b.width.const(1)));
      write(result);
      b.setFlags("inc", result, carry);
    },
  },
  dec: {
    write: (b) => {
      const { value, write } = b.modify(0);
      const carry = b.keptCarry();
      const result = b.let(b.width.sub(value, b.width.const(1)));
      write(result);
      b.setFlags("dec", result, carry);
    },
  },
  neg: {
    write: (b) => {
      const { value, write } = b.modify(0);
      const zero = b.width.const(0);
      const result = b.let(b.width.sub(zero, value));
      write(result);
      b.setFlags("sub", result, value, zero);
    },
  },
  xadd: {
    write: (b) => {
      const { value, write } = b.modify(0);
      const source = b.let(b.read(1));
      const result = b.let(b.width.add(value, source));
      write(result);
      // With two names of one register the sum is what stays: the destination is written last (SDM Vol 2, XADD).
      b.write(1, value);
      if (b.operand(0).kind === "register") write(result);
      b.setFlags("add", result, source);
    },
  },
  cmpxchg: {
    write: (b) => {
      const w = b.width;
      const { value, write } = b.modify(0);
      const accumulator = b.let(b.readRegister(0, w.bits));
      const source = b.let(b.read(1));
      const equal = b.let(w.eq(accumulator, value));
      b.code.if(
        equal,
        () => write(source),
        () => {
          // Memory sees a write in any case; a register keeps even its upper half.
          if (b.operand(0).kind === "memory") write(value);
          b.writeRegister(0, w.bits, value);
        },
      );
      b.setFlags("sub", b.let(w.sub(accumulator, value)), value, accumulator);
    },
  },
  adcx: {
    write: (b) => extendedAdd(b, 0x001, 0),
  },
  adox: {
    write: (b) => extendedAdd(b, 0x800, 11),
  },
};

/** ADCX and ADOX: an addition that reads and writes one flag only. */
function extendedAdd(b: Parameters<SemanticsTable[string]["write"]>[0], flag: number, position: number): void {
  const w = b.width;
  const value = b.let(b.read(0));
  const source = b.let(b.read(1));
  const flags = b.let(b.flags());
  const carry = i32.and(i32.shrU(flags, i32.const(position)), i32.const(1));
  const result = b.let(w.add(w.add(value, source), w.from32(carry)));
  const out = w.sign(w.or(w.and(value, source), w.and(w.or(value, source), w.not(result))));
  b.setExplicitFlags(i32.or(i32.and(flags, i32.const(~flag)), i32.shl(out, i32.const(position))));
  b.write(0, result);
}
