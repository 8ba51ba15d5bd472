import { describe, expect, it } from "vitest";
import { InvalidRegisterValueError, UnknownRegisterError } from "../src/errors.ts";
import { assignRegister, assignRegisters } from "../src/registers.ts";

describe("assignRegister", () => {
  it("takes numbers and bigints for general registers", () => {
    expect(assignRegister("rax", 2)).toEqual([{ kind: "general", register: "rax", value: 2n }]);
    expect(assignRegister("r15", 2n ** 64n - 1n)).toEqual([
      { kind: "general", register: "r15", value: 0xffff_ffff_ffff_ffffn },
    ]);
  });

  it("knows control registers", () => {
    expect(assignRegister("cr0", 0x6000_0010)).toEqual([{ kind: "control", register: "cr0", value: 0x6000_0010n }]);
  });

  it("loads a bare segment as real-address mode does", () => {
    expect(assignRegister("ds", 0xb800)).toEqual([
      { kind: "segment", register: "ds", field: "selector", value: 0xb800n },
      { kind: "segment", register: "ds", field: "base", value: 0xb8000n },
    ]);
  });

  it("sets one field of a segment", () => {
    expect(assignRegister("cs.base", 0xffff_0000)).toEqual([
      { kind: "segment", register: "cs", field: "base", value: 0xffff_0000n },
    ]);
  });

  it.each(["eax", "RAX", "rsx", "", "cs.", "cs.type", "xs.base", "cs.base.base", "toString", "__proto__"])(
    "refuses %j, which is no register",
    (name) => {
      expect(() => assignRegister(name, 0)).toThrow(UnknownRegisterError);
      expect(() => assignRegister(name, 0)).toThrow(`"${name}"`);
    },
  );

  it.each([
    ["rax", -1],
    ["rax", 2n ** 64n],
    ["rax", 1.5],
    ["rax", 2 ** 53],
    ["cs", 0x1_0000],
    ["cs.limit", 2 ** 32],
  ] as const)("refuses for %s the value %s", (name, value) => {
    expect(() => assignRegister(name, value)).toThrow(InvalidRegisterValueError);
  });
});

describe("assignRegisters", () => {
  it("keeps the caller's order, so that a field after its segment wins", () => {
    expect(assignRegisters({ es: 1, "es.base": 0x100000, rbx: 3n }).map(({ register }) => register)).toEqual([
      "es",
      "es",
      "es",
      "rbx",
    ]);
  });
});
