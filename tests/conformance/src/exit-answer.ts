import { KVM_EXIT, KVM_EXIT_IO, kvm_run, view } from "@likex/kvm-abi";
import { toHex } from "./json.ts";
import type { Json } from "./steps.ts";

/** What a run page says about the exit: the common fields, and those of the exit's own part of the union. */
export function describeExit(page: Uint8Array): { readonly [key: string]: Json } {
  const run = view(kvm_run, page);
  return {
    exit_reason: run.exit_reason,
    ready_for_interrupt_injection: run.ready_for_interrupt_injection,
    if_flag: run.if_flag,
    flags: run.flags,
    cr8: Number(run.cr8),
    apic_base: `0x${run.apic_base.toString(16)}`,
    ...ownFields(run, page),
  };
}

function ownFields(run: kvm_run, page: Uint8Array): { readonly [key: string]: Json } {
  switch (run.exit_reason) {
    case KVM_EXIT.IO: {
      const { direction, size, port, count, data_offset } = run.io;
      const data = direction === KVM_EXIT_IO.OUT ? { data: toHex(exitData(page)) } : {};
      return { io: { direction, size, port, count, data_offset: Number(data_offset), ...data } };
    }
    case KVM_EXIT.MMIO: {
      const { phys_addr, len, is_write } = run.mmio;
      const data = is_write === 1 ? { data: toHex(exitData(page)) } : {};
      return { mmio: { phys_addr: `0x${phys_addr.toString(16)}`, len, is_write, ...data } };
    }
    case KVM_EXIT.INTERNAL_ERROR:
      return { internal: { suberror: run.internal.suberror, ndata: run.internal.ndata } };
    case KVM_EXIT.FAIL_ENTRY:
      return {
        fail_entry: {
          hardware_entry_failure_reason: `0x${run.fail_entry.hardware_entry_failure_reason.toString(16)}`,
          cpu: run.fail_entry.cpu,
        },
      };
    case KVM_EXIT.UNKNOWN:
      return { hw: { hardware_exit_reason: `0x${run.hw.hardware_exit_reason.toString(16)}` } };
    default:
      return {};
  }
}

/** The bytes that a port or MMIO exit carries, live; none for another exit. */
export function exitData(page: Uint8Array): Uint8Array {
  const run = view(kvm_run, page);
  if (run.exit_reason === KVM_EXIT.MMIO) return run.mmio.data.subarray(0, run.mmio.len);
  if (run.exit_reason !== KVM_EXIT.IO) return page.subarray(0, 0);
  const start = Number(run.io.data_offset);
  return page.subarray(start, start + run.io.size * run.io.count);
}
