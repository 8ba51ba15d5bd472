import { expect } from "vitest";
import type { Expectation } from "../src/expectations.ts";
import type { Observation } from "../src/observe.ts";

export const keysOf = <K extends string>(record: Readonly<Record<K, unknown>>): K[] => Object.keys(record) as K[];

/** Compares all that an expectation names. */
export function expectObservation({ transfers, result, vm }: Observation, expected: Expectation | undefined): void {
  expect(expected, "a guest without an expectation").toBeDefined();
  if (expected === undefined) return;
  expect(transfers).toEqual(expected.transfers);
  expect(result.reason).toBe(expected.reason);
  expect(result.rip).toBe(expected.rip);
  expect(result.registers).toMatchObject(expected.registers ?? {});
  for (const { address, bytes } of expected.memory ?? []) {
    expect([...vm.readMemory(address, bytes.length)]).toEqual(bytes);
  }
}
