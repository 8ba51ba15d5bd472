import { HostMemory } from "@likex/host-memory";
import { expect, expectTypeOf, it } from "vitest";
import {
  EMITTED_RESULT,
  ACCESS as EXECUTOR_ACCESS,
  INVALIDATION as EXECUTOR_INVALIDATION,
  MMU_RESULT,
  type Mmu,
} from "../../cpu-executor/src/mmu.ts";
import type { VmxMmu } from "../../vmx/src/processor.ts";
import { BLOCK } from "../src/emitted-block.ts";
import { ACCESS, GuestMmu, INVALIDATION, TRANSLATION } from "../src/index.ts";

it("the guest's MMU is what the executor and VMX ask for", () => {
  expectTypeOf<GuestMmu>().toExtend<Mmu>();
  expectTypeOf<GuestMmu>().toExtend<VmxMmu>();
  const mmu: Mmu & VmxMmu = new GuestMmu(HostMemory.create({ bytes: 1 << 20 }));
  expect(mmu.translate(0, 0, EXECUTOR_ACCESS.read)).toBe(MMU_RESULT.ok);
});

it("accesses, results and invalidations have the executor's numbers", () => {
  const { hostPage, permissions, pageSize, errorCode: pageFaultErrorCode } = BLOCK;
  expect({ hostPage, permissions, pageSize, pageFaultErrorCode }).toEqual(EMITTED_RESULT);
  expect(ACCESS).toEqual(EXECUTOR_ACCESS);
  expect(INVALIDATION).toEqual(EXECUTOR_INVALIDATION);
  expect(MMU_RESULT).toMatchObject(TRANSLATION);
});
