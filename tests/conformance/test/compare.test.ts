import { describe, expect, it } from "vitest";
import { compare, fieldCount } from "../src/compare.ts";
import { covers } from "../src/differences.ts";

const one = { a: { run: { result: 0, io: { port: 1, data: "00" } } } };
const other = { a: { run: { result: 0, io: { port: 2 } } }, b: { x: "EINVAL" } };

describe("compare", () => {
  it("names each field that differs, is missing, or is too many", () => {
    expect(compare(one, other)).toEqual([
      { case: "a", field: "run.io.port", reference: 1, answer: 2 },
      { case: "a", field: "run.io.data", reference: "00", answer: undefined },
      { case: "b", field: "x", reference: undefined, answer: "EINVAL" },
    ]);
    expect(compare(one, one)).toEqual([]);
    expect(fieldCount(one)).toBe(3);
  });
});

describe("a listed difference", () => {
  const listed = { case: "a*", fields: ["run.io.*", "x"], cause: "host", reason: "" } as const;
  const at = (name: string, field: string): boolean => covers(listed, { case: name, field, reference: 1, answer: 2 });

  it("covers the fields and cases it names, and no others", () => {
    expect([at("a", "run.io.port"), at("ab", "x")]).toEqual([true, true]);
    expect([at("b", "x"), at("a", "run.result"), at("a", "xy")]).toEqual([false, false, false]);
  });
});
