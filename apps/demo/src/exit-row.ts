import type { TraceEvent } from "@likex/kvm";
import { EXIT_REASON } from "@likex/vmx";
import type { ExitRow } from "./protocol.ts";

type VmExitEvent = Extract<TraceEvent, { type: "vmexit" }>;

const REASON_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(EXIT_REASON).map(([name, reason]) => [reason, name.toLowerCase().replaceAll("_", " ")]),
);

const hex = (value: bigint | number): string => value.toString(16);

/** A row of the table of VM exits. */
export function describeVmExit(event: VmExitEvent): ExitRow {
  return {
    rip: hex(event.rip),
    reason: REASON_NAMES.get(event.reason) ?? `reason ${event.reason}`,
    details: describeQualification(event),
  };
}

/** The exit qualification in words (SDM Vol 3C 28.2.1, tables for I/O instructions and EPT violations). */
function describeQualification({ reason, qualification, guestPhysicalAddress }: VmExitEvent): string {
  const bits = Number(qualification & 0xffff_ffffn);
  switch (reason) {
    case EXIT_REASON.IO_INSTRUCTION:
      return `${(bits & 8) === 0 ? "out" : "in"} port ${hex(bits >>> 16)}, ${(bits & 7) + 1} byte`;
    case EXIT_REASON.EPT_VIOLATION: {
      const access = (bits & 4) !== 0 ? "fetch from" : (bits & 2) !== 0 ? "write to" : "read from";
      return `${access} guest-physical ${hex(guestPhysicalAddress)}`;
    }
    default:
      return qualification === 0n ? "" : `qualification ${hex(qualification)}`;
  }
}
