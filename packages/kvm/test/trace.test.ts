import { describe, expect, it } from "vitest";
import type { EmulatedKvm } from "../src/index.ts";
import { renderJson, renderLog, type TraceEvent } from "../src/trace.ts";
import { Machine, type PersonalityName, SEED } from "./machine.ts";

const record = (personality: PersonalityName): { events: TraceEvent[]; kvm: EmulatedKvm; machine: Machine } => {
  const events: TraceEvent[] = [];
  const machine = new Machine(SEED, {
    personality,
    registers: { rax: 2n, rbx: 2n },
    trace: (event) => events.push(structuredClone(event)),
  });
  for (let exit = 0; exit < 3; exit++) machine.step();
  return { events, kvm: machine.kvm, machine };
};

/** What differs from run to run, or says where in host memory something is. */
const anonymize = (line: string): string =>
  line
    .replace(/(vmcs=|hpa\((?:va|phy)\) = |hpa= |eptp = |run = |uaddr=|pfn=)[0-9a-f]+/g, "$1…")
    .replace(/spte=([0-9a-f]*)([0-9a-f]{3}) $/, "spte=…$2")
    .trimEnd();

describe("the log of the seed's program on /dev/rust_kvm", () => {
  it("has LiKeX's lines in LiKeX's order", () => {
    const lines = record("rust_kvm").events.flatMap(renderLog).map(anonymize);
    expect(lines).toEqual(
      [
        "Rust KVM Open",
        "Rust kvm: vmcs=…,revision=4",
        "written new cr4 value",
        "Rust kvm: IOCTL_KVM_CREATE_VM",
        "Rust kvm: IOCTL_KVM_SET_USER_MEMORY_REGION",
        " add_memory_region slot= 0,uaddr=…, gpa = 0, npages=4",
        "Rust kvm: IOCTL_KVM_CREATE_VCPU",
        "Rust kvm: vmcs=…,revision=4",
        "RkvmMmu hpa(va) = …",
        "RkvmMmu hpa(phy) = …",
        "ad_disabled = false, ecex_only = true",
        " setup pin=17,cpu=a581e5f2, cpu2=82,exit=3fefff, entry=d1ff",
        "  pin_based = 17",
        "  cpu_based = a581e5f2",
        "  cpu_2nd_based = 82",
        " vcpu_vmcs_init",
        " init_mmu_root",
        "hpa= …, eptp = …",
        "Rust kvm: vcpu create : run = …",
        "Rust kvm: IOCTL_KVM_CREATE_VCPU finish",
        "Rust KVM mmap",
        "Rust kvm: IOCTL_KVM_GET_SREGS",
        "Rust kvm: IOCTL_KVM_SET_SREGS",
        "Rust kvm: IOCTL_KVM_SET_REGS",
        " IOCTL_KVM_SET_REGS: rip=0, rax=2",
        "Rust kvm: IOCTL_KVM_VCPU_RUN",
        " vcpu_run state guest rip = 0, read guest rip = 0",
        " vmentry: launched = false",
        " vmexit: guest_rip=0",
        "Enter handle EPT violation",
        "pagefault: pfn=…",
        "rkvm_tdp_map level=4, gfn=0, spte=…907",
        "rkvm_tdp_map level=3, gfn=0, spte=…907",
        "rkvm_tdp_map level=2, gfn=0, spte=…907",
        "rkvm_tdp_map level=1, gfn=0, spte=…b07",
        "ret=Ok(1), after vcpu_exit_handler",
        " vmentry: launched = true",
        " vmexit: guest_rip=7",
        " handle_io port =3f8",
        "ret=Ok(0), after vcpu_exit_handler",
        "Rust kvm: IOCTL_KVM_VCPU_RUN",
        " vcpu_run state guest rip = 8, read guest rip = 8",
        " vmentry: launched = true",
        " vmexit: guest_rip=a",
        " handle_io port =3f8",
        "ret=Ok(0), after vcpu_exit_handler",
        "Rust kvm: IOCTL_KVM_VCPU_RUN",
        " vcpu_run state guest rip = b, read guest rip = b",
        " vmentry: launched = true",
        " vmexit: guest_rip=b",
        " handle hlt",
        "ret=Ok(0), after vcpu_exit_handler",
      ].map((line) => `rust_kvm: ${line}`),
    );
  });

  it("ends each line with the kernel's blank", () => {
    const lines = record("rust_kvm").events.flatMap(renderLog);
    expect(lines.filter((line) => !line.endsWith(" "))).toEqual([]);
  });
});

describe.each<PersonalityName>(["kvm", "rust_kvm"])("the trace of %s", (personality) => {
  it("names addresses that hold what it says", () => {
    const { events, kvm } = record(personality);
    const { u32, u64 } = kvm.hostMemory;
    const entries = events.filter((event) => event.type === "tdp_map");
    expect(entries.map((entry) => entry.level)).toEqual([4, 3, 2, 1]);
    for (const entry of entries) expect(u64[(entry.tableHpa + entry.index * 8) / 8]).toBe(entry.spte);
    const root = events.find((event) => event.type === "mmu_root");
    expect(entries[0]?.tableHpa).toBe(root?.rootHpa);
    expect(root?.eptPointer).toBe((root?.rootHpa ?? 0) + 0x1e);
    for (const region of events.filter((event) => event.type === "vmx_region")) {
      expect(u32[region.hpa / 4]).toBe(region.revision);
    }
    const page = events.find((event) => event.type === "page_fault");
    expect([...kvm.hostMemory.u8.subarray((page?.pfn ?? 0) * 4096).slice(0, SEED.length)]).toEqual(SEED);
  });

  it("is one JSON object a line, with 64-bit values as hexadecimal strings", () => {
    const { events } = record(personality);
    const parsed = events.map((event) => JSON.parse(renderJson(event)) as { type: string; rip?: string });
    expect(parsed.map(({ type }) => type)).toEqual(events.map(({ type }) => type));
    expect(parsed.find(({ type }) => type === "vmexit")?.rip).toBe("0x0");
  });

  it("says when a VM and its vCPU end", () => {
    const { events, machine } = record(personality);
    machine.area.unmap();
    for (const fd of new Set([machine.vcpu, machine.vm, machine.system])) machine.kvm.close(fd);
    const last = events.flatMap(renderLog).slice(-3);
    expect(last).toEqual(["rust_kvm:  vcpu droped ", "rust_kvm:  guest droped ", "rust_kvm: vmxoff "]);
  });
});
