import { offsetOf, sizeOf } from "../../packages/kvm-abi/src/index.ts";
import * as structures from "../../packages/kvm-abi/src/structs.ts";

type AnyStruct = Parameters<typeof sizeOf>[0];

const CALL = /\b(?:offsetOf\(\s*(kvm_\w+),\s*"([\w.]+)",?\s*\)|sizeOf\((kvm_\w+)\))/g;

/**
 * Source text with the places and sizes of KVM's structures as numbers, where a call names structure and field literally. A
 * program that has them as numbers need not lay the structures out when it starts (docs/decisions/0007-cold-start.md).
 */
export function withStructureConstants(source: string): string {
  if (!source.includes('from "@likex/kvm-abi"')) return source;
  const named = structures as unknown as Readonly<Record<string, AnyStruct | undefined>>;
  return source.replace(CALL, (call, ofField, path, ofSize) => {
    const struct = named[ofField ?? ofSize];
    if (struct === undefined) return call;
    return String(path === undefined ? sizeOf(struct) : offsetOf(struct, path as never));
  });
}
