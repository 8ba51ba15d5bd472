import type { Disagreement } from "./compare.ts";

/** Fields on which the emulated driver need not agree with the reference. */
export interface Difference {
  /** A case's name; a `*` at its end stands for any rest. */
  readonly case: string;
  /** Fields; a `*` at its end stands for any rest. */
  readonly fields: readonly string[];
  /** `host`: the recorded machine differs from KVM on VMX. `absent`: not offered yet. `wrong`: ours to mend. */
  readonly cause: "host" | "absent" | "wrong";
  readonly reason: string;
}

const ABSENT_CAPABILITIES = [
  "IRQCHIP",
  "HLT",
  "SET_TSS_ADDR",
  "MP_STATE",
  "COALESCED_MMIO",
  "IRQ_ROUTING",
  "SPLIT_IRQCHIP",
  "SYNC_REGS",
];

const FORCED_CPUID = "that backend adds to a table what it cannot hide from a guest: features of leaf 1, and leaf 0dh";

/** All of them. Each must be needed by the recording, so that none outlives its cause. */
export const DIFFERENCES: readonly Difference[] = [
  {
    case: "capabilities of *",
    fields: ["NR_VCPUS.result"],
    cause: "host",
    reason: "it is the number of the machine's processors",
  },
  {
    case: "capabilities of *",
    fields: ABSENT_CAPABILITIES.map((name) => `${name}.result`),
    cause: "absent",
    reason: "a capability is advertised when its requests work",
  },
  {
    case: "modes: an entry state that no processor accepts",
    fields: ["first.*"],
    cause: "host",
    reason: "a KVM without VMX has no checks of the processor on entry, so it runs the guest",
  },
  {
    case: "stops: a vCPU without memory",
    fields: ["first.*"],
    cause: "host",
    reason: "KVM on VMX emulates, finds no code and reports an internal error; that backend answers ENOSPC",
  },
  {
    case: "stops: an undefined instruction with an empty vector table",
    fields: ["first.*"],
    cause: "host",
    reason: "on VMX a push to unbacked memory while an event is delivered is an internal error of suberror 3",
  },
  {
    case: "stops: exceptions and INT in real mode",
    fields: ["ud.regs.rflags", "de.regs.rflags", "hlt.regs.rflags"],
    cause: "host",
    reason: "RF outlives the instruction after an exception where real mode is emulated",
  },
  {
    case: "modes: a page fault that nothing can handle",
    fields: ["shutdown.regs.rflags"],
    cause: "host",
    reason: "with EPT KVM does not see the page fault, and so does not set RF",
  },
  {
    case: "registers keep what they are set to",
    fields: ["get: rflags with reserved bits.value.rflags"],
    cause: "host",
    reason: "that backend takes out VM; KVM on VMX keeps all bits until the entry",
  },
  {
    case: "special registers: unusable segment",
    fields: ["get.value.es.type"],
    cause: "host",
    reason: "KVM on VMX with unrestricted guest sets the accessed bit in every segment",
  },
  {
    case: "special registers: cr4 with PCIDE outside long mode",
    fields: ["set.result", "get.value.cr4"],
    cause: "host",
    reason: "that backend offers no PCID",
  },
  {
    case: "special registers: each bit of cr4",
    fields: ["bit 17.result"],
    cause: "host",
    reason: "that backend offers no PCID",
  },
  {
    case: "special registers: 32-bit paging",
    fields: ["get.value.cr0"],
    cause: "host",
    reason: "that backend drops PG where it cannot page",
  },
  {
    case: "special registers: PAE paging",
    fields: ["get.value.cr0"],
    cause: "host",
    reason: "that backend drops PG where it cannot page",
  },
  {
    case: "ports: registers set between an IN and its completion",
    fields: ["next.regs.rax"],
    cause: "host",
    reason: "KVM on VMX completes an IN without its instruction emulator, which here loses the data",
  },
  {
    case: "ports: INS across a page",
    fields: ["second.regs.rflags"],
    cause: "host",
    reason: "a VM exit that an instruction causes saves RF as 0; that backend has no VM exits",
  },
  { case: "cpuid: sizes", fields: ["enough.*", "less.*"], cause: "host", reason: FORCED_CPUID },
  {
    case: "cpuid: a table after the first run",
    fields: ["the same.result", "get.*"],
    cause: "host",
    reason: FORCED_CPUID,
  },
  {
    case: "cpuid: leaves and subleaves*",
    fields: ["1:0.regs.rcx", "1:0.regs.rdx"],
    cause: "host",
    reason: FORCED_CPUID,
  },
  {
    case: "cpuid: OSXSAVE follows CR4",
    fields: ["1:0.regs.rcx", "1:0.regs.rdx", "get on.*", "get off.*"],
    cause: "host",
    reason: FORCED_CPUID,
  },
  { case: "cpuid: no APIC in the table", fields: ["get.*"], cause: "host", reason: FORCED_CPUID },
  {
    case: "cpuid: control registers under a table",
    fields: ["cr4 *"],
    cause: "host",
    reason: "that backend has the features that these bits enable, whatever the table says",
  },
  {
    case: "ports: OUTS and INS of device memory",
    fields: ["*"],
    cause: "absent",
    reason: "a port string instruction whose memory is a device's is an internal error",
  },
  {
    case: "stops: an undefined instruction without a vector table",
    fields: ["shutdown.regs.rflags", "again.regs.rflags"],
    cause: "wrong",
    reason: "KVM takes #UD itself and sets RF when it injects it; our VM entry does not keep RF",
  },
];

const matches = (pattern: string, text: string): boolean =>
  pattern.endsWith("*") ? text.startsWith(pattern.slice(0, -1)) : text === pattern;

/** Whether the difference covers the disagreement. */
export function covers(difference: Difference, disagreement: Disagreement): boolean {
  return (
    matches(difference.case, disagreement.case) && difference.fields.some((field) => matches(field, disagreement.field))
  );
}
