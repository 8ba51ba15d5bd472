import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import * as abi from "../src/index.ts";
import { IOCTLS, ioctlName, ioctlRequest, ioctlSize, KVM_IOCTL, KVMIO, offsetOf, sizeOf } from "../src/index.ts";

interface PublishedNumbers {
  readonly ioctls: readonly {
    readonly name: abi.IoctlName;
    readonly request: string;
    readonly argumentBytes: number;
  }[];
  readonly sizes: { readonly [struct: string]: number };
  readonly flexible: { readonly [struct: string]: readonly [base: number, element: number] };
}

const published = JSON.parse(
  readFileSync(new URL("../vectors/published-numbers.json", import.meta.url), "utf8"),
) as PublishedNumbers;
const structs = abi as unknown as { readonly [name: string]: abi.Struct<abi.StructName> };

describe("ioctl numbers", () => {
  it.each(published.ioctls)("$name is $request", ({ name, request, argumentBytes }) => {
    expect(KVM_IOCTL[name]).toBe(Number(request));
    expect(ioctlSize(KVM_IOCTL[name])).toBe(argumentBytes);
  });

  it("have one name each", () => {
    for (const [name, request] of Object.entries(KVM_IOCTL)) expect(ioctlName(request)).toBe(name);
    expect(new Set(Object.values(KVM_IOCTL)).size).toBe(Object.keys(IOCTLS).length);
  });

  it("are named when a caller passes them as a signed 32-bit number", () => {
    expect(ioctlName(KVM_IOCTL.KVM_GET_REGS | 0)).toBe("KVM_GET_REGS");
  });

  it("are named by their digits when unknown", () => {
    expect(ioctlName(0x5401)).toBe("ioctl 0x00005401");
  });

  it("are made of direction, size, type and number", () => {
    expect(ioctlRequest("_IOWR", KVMIO, 0xc0, 24)).toBe(0xc018aec0);
    expect(ioctlRequest("_IO", KVMIO, 0, 0)).toBe(0xae00);
  });
});

describe("structure sizes", () => {
  it.each(Object.entries(published.sizes))("%s takes %i bytes", (name, size) => {
    expect(sizeOf(structs[name]!)).toBe(size);
  });

  it.each(Object.entries(published.flexible))(
    "%s takes a fixed part and a part for each element",
    (name, [base, each]) => {
      expect(sizeOf(structs[name]!, 3)).toBe(base + 3 * each);
    },
  );

  it("refuses a count for a structure without a flexible array", () => {
    expect(() => sizeOf(abi.kvm_regs, 2)).toThrow(/kvm_regs does not end in a flexible array/);
  });
});

describe("offsets", () => {
  it("of the members of kvm_run's union are those of the union", () => {
    expect(offsetOf(abi.kvm_run, "exit_reason")).toBe(8);
    expect(offsetOf(abi.kvm_run, "io.data_offset")).toBe(40);
    expect(offsetOf(abi.kvm_run, "mmio.is_write")).toBe(52);
    expect(offsetOf(abi.kvm_run, "fail_entry.hardware_entry_failure_reason")).toBe(32);
    expect(offsetOf(abi.kvm_run, "internal.data")).toBe(40);
    expect(offsetOf(abi.kvm_run, "emulation_failure.insn_bytes")).toBe(49);
    expect(offsetOf(abi.kvm_run, "s.regs.sregs.cr0")).toBe(304 + 144 + 224);
  });

  it("reach through nested structures", () => {
    expect(offsetOf(abi.kvm_sregs, "tr.limit")).toBe(152);
    expect(offsetOf(abi.kvm_sregs, "interrupt_bitmap")).toBe(280);
  });

  it("of an unknown field are refused with its name", () => {
    const path = "io.colour" as "io.port";
    expect(() => offsetOf(abi.kvm_run, path)).toThrow(/kvm_run has no field "io.colour"/);
  });
});

describe("the layout table", () => {
  it("has an exported structure for each entry, under its C name", () => {
    for (const name of Object.keys(abi.LAYOUTS)) expect(structs[name]?.name).toBe(name);
  });
});
