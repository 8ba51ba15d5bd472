import { expect, it } from "vitest";
import { OutputBuffer } from "../src/output.ts";

it("keeps bytes in order beyond its first allocation", () => {
  const output = new OutputBuffer(10_000);
  for (let index = 0; index < 1000; index += 1) output.push(index & 0xff);
  expect(output.toBytes()).toEqual(Uint8Array.from({ length: 1000 }, (_, index) => index & 0xff));
  expect(output.dropped).toBe(0);
});

it("drops and counts what exceeds its limit", () => {
  const output = new OutputBuffer(2);
  for (const byte of [1, 2, 3, 4]) output.push(byte);
  expect(output.toBytes()).toEqual(Uint8Array.of(1, 2));
  expect(output.dropped).toBe(2);
});
