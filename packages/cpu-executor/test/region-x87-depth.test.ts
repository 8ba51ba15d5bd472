import { expect, it } from "vitest";
import { STOP } from "../src/index.ts";
import { PROGRAM } from "./support/assembler.ts";
import { machine } from "./support/lockstep.ts";

/**
 * FNINIT; loop: CALL function; CALL function; FNSTSW AX; ADD EBX, EAX; FSTP ST(0); FSTP ST(0); DEC ECX; JNZ loop; HLT. function:
 * FLD1; RET, which returns with the stack's top one lower than it was before the call.
 */
const LOOP = [
  ...[0xdb, 0xe3, 0xe8, 18, 0, 0, 0, 0xe8, 13, 0, 0, 0, 0xdf, 0xe0, 0x01, 0xc3],
  ...[0xdd, 0xd8, 0xdd, 0xd8, 0xff, 0xc9, 0x75, 0xea, 0xf4],
];
const FUNCTION = [0xd9, 0xe8, 0xc3];
const ROUNDS = 500;
/** TOP is in bits 13:11 of the status word. */
const SIX = 6 << 11;

it.each(["interpreter", "jit"] as const)(
  "a function that leaves a value on the x87 stack returns to its caller (%s)",
  (tier) => {
    const { cpu, statistics } = machine(64, Uint8Array.from([...LOOP, ...FUNCTION]), tier);
    cpu.setRegister(0, 0n);
    cpu.setRegister(1, BigInt(ROUNDS));
    cpu.setRegister(3, 0n);
    cpu.setRegister(4, BigInt(PROGRAM.stack));
    expect(cpu.run(ROUNDS * 13)).toBe(STOP.instruction);
    expect(Number(cpu.getRegister(3))).toBe(ROUNDS * SIX);
    if (tier === "jit") expect(statistics().executed).toBeGreaterThan(0);
  },
);
