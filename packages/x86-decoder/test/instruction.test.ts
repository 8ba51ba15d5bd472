import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DecoderError, decode, type Instruction } from "../src/index.ts";

const ofHex = (hex: string, options?: Parameters<typeof decode>[1]) =>
  decode(Uint8Array.from(Buffer.from(hex, "hex")), options);

describe("decode", () => {
  it("gives operands with their access", () => {
    expect(ofHex("488b448b10")).toMatchObject({
      status: "ok",
      mnemonic: "mov",
      length: 5,
      operandSize: 64,
      operands: [
        { kind: "register", register: "rax", size: 8, access: "w" },
        { kind: "memory", segment: "ds", base: "rbx", index: "rcx", scale: 4, displacement: 16n, size: 8, access: "r" },
      ],
    });
  });

  it("gives branch targets and addresses relative to rip as addresses", () => {
    expect(ofHex("ebfe", { address: 0x1000n })).toMatchObject({ operands: [{ kind: "branch", target: 0x1000n }] });
    expect(ofHex("488b0510000000", { address: 0x1000n })).toMatchObject({
      operands: [{}, { base: "rip", displacement: 16n, address: 0x1017n }],
    });
    expect(ofHex("e9fcff", { bits: 16, address: 0n })).toMatchObject({ operands: [{ target: 0xffffn }] });
  });

  it("extends immediates to the operand size, without a sign", () => {
    expect(ofHex("4883c0ff")).toMatchObject({ operands: [{}, { value: 0xffff_ffff_ffff_ffffn, size: 8 }] });
    expect(ofHex("83c0ff")).toMatchObject({ operands: [{}, { value: 0xffff_ffffn, size: 4 }] });
    expect(ofHex("48b88877665544332211")).toMatchObject({ operands: [{}, { value: 0x1122_3344_5566_7788n }] });
  });

  it("gives masks, broadcasts and rounding of EVEX", () => {
    expect(ofHex("62f1fddb5800")).toMatchObject({
      mnemonic: "vaddpd",
      mask: "k3",
      zeroing: true,
      operands: [{ register: "zmm0" }, { register: "zmm0" }, { kind: "memory", broadcast: true, size: 8 }],
    });
    expect(ofHex("62f1fd7858c1")).toMatchObject({ mnemonic: "vaddpd", rounding: "zero" });
    expect(ofHex("62f1fd185fc1")).toMatchObject({ mnemonic: "vmaxpd", rounding: "suppress-exceptions" });
  });

  it("gives direct offsets, far pointers and prefixes", () => {
    expect(ofHex("48a18877665544332211")).toMatchObject({ operands: [{}, { address: 0x1122_3344_5566_7788n }] });
    expect(ofHex("ea785634129abc", { bits: 32 })).toMatchObject({
      operands: [{ kind: "far-pointer", selector: 0xbc9a, offset: 0x1234_5678 }],
    });
    expect(ofHex("f0640fb10f")).toMatchObject({ prefixes: ["lock"], segmentPrefix: "fs", mnemonic: "cmpxchg" });
  });

  it("tells invalid, truncated and too long bytes apart, with a reason", () => {
    expect(ofHex("06")).toEqual({ status: "invalid", reason: "opcode" });
    expect(ofHex("f001c0")).toEqual({ status: "invalid", reason: "lock" });
    expect(ofHex("66c5f958c0")).toEqual({ status: "invalid", reason: "prefixBeforeVex" });
    expect(ofHex("0f22c8")).toEqual({ status: "invalid", reason: "register" });
    expect(ofHex("c5f877")).toMatchObject({ mnemonic: "vzeroupper" });
    expect(ofHex("c5f077")).toEqual({ status: "invalid", reason: "vvvv" });
    expect(ofHex("62f17c8958c0")).toMatchObject({ zeroing: true });
    expect(ofHex("62f17c8858c0")).toEqual({ status: "invalid", reason: "mask" });
    expect(ofHex("62f17d08fec0")).toMatchObject({ mnemonic: "vpaddd" });
    expect(ofHex("62f17d18fec0")).toEqual({ status: "invalid", reason: "broadcast" });
    expect(ofHex("c4e26992c8")).toEqual({ status: "invalid", reason: "opcode" });
    expect(ofHex("c4e271920c0a")).toEqual({ status: "invalid", reason: "sameRegister" });
    expect(ofHex("488b")).toEqual({ status: "truncated", reason: "none" });
    expect(ofHex("")).toEqual({ status: "truncated", reason: "none" });
    expect(ofHex(`${"66".repeat(15)}90`)).toEqual({ status: "too-long", reason: "tooLong" });
  });

  it("says which options are impossible", () => {
    expect(() => ofHex("90", { bits: 8 as 16 })).toThrow(DecoderError);
    expect(() => ofHex("90", { offset: -1 })).toThrow(/offset -1 was asked for/);
  });

  it("takes any bytes without a throw, and has as many operands as its form", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), fc.constantFrom<16 | 32 | 64>(16, 32, 64), (bytes, bits) => {
        const result = decode(bytes, { bits, address: 0xffff_ffff_ffff_fff0n });
        if (result.status !== "ok") return;
        const { operands, form }: Instruction = result;
        expect(operands.length).toBe(form.operands.length);
      }),
      { numRuns: 20_000 },
    );
  });
});
