import { describe, expect, it } from "vitest";
import { VMCS_FIELDS, VMCS_REGION, VMX_STATUS } from "../src/index.ts";
import { Machine } from "./machine.ts";

const WIDTHS = ["16", "64", "32", "natural"];
const KINDS = ["control", "readonly", "guest", "host"];

describe("the table of VMCS fields", () => {
  it("agrees with the width and type bits of every encoding", () => {
    for (const field of VMCS_FIELDS) {
      expect(String(field.width), field.name).toBe(WIDTHS[(field.encoding >> 13) & 3]);
      expect(field.kind, field.name).toBe(KINDS[(field.encoding >> 10) & 3]);
      expect(field.encoding & 0x9001, field.name).toBe(0);
      expect(field.kind, field.name).toBe(kindInName(field.name) ?? field.kind);
    }
  });

  it("gives each field bytes of its own, aligned, inside one frame", () => {
    const ranges = VMCS_FIELDS.map(({ offset, bytes }) => ({ offset, bytes })).sort((a, b) => a.offset - b.offset);
    let end: number = VMCS_REGION.fields;
    for (const { offset, bytes } of ranges) {
      expect(offset % bytes).toBe(0);
      expect(offset).toBeGreaterThanOrEqual(end);
      end = offset + bytes;
    }
    expect(end).toBeLessThanOrEqual(VMCS_REGION.bytes);
    expect(new Set(VMCS_FIELDS.map((field) => field.encoding)).size).toBe(VMCS_FIELDS.length);
  });

  it("has the encodings that hypervisors have compiled in", () => {
    const encoding = Object.fromEntries(VMCS_FIELDS.map((field) => [field.name, field.encoding]));
    expect(encoding).toMatchObject({
      GUEST_CS_SELECTOR: 0x802,
      HOST_TR_SELECTOR: 0xc0c,
      EPT_POINTER: 0x201a,
      GUEST_PHYSICAL_ADDRESS: 0x2400,
      VM_INSTRUCTION_ERROR: 0x4400,
      VM_EXIT_REASON: 0x4402,
      EXIT_QUALIFICATION: 0x6400,
      GUEST_RIP: 0x681e,
      HOST_RIP: 0x6c16,
    });
  });
});

/** "GUEST_" and "HOST_" say the kind, with the exceptions of the read-only guest addresses and the masks. */
const kindInName = (name: string): string | undefined => {
  if (name === "GUEST_PHYSICAL_ADDRESS" || name === "GUEST_LINEAR_ADDRESS") return "readonly";
  return /^(GUEST|HOST)_/.exec(name)?.[1]?.toLowerCase();
};

describe("VMREAD and VMWRITE", () => {
  const machine = Machine.ready();
  const pattern = 0x8123_4567_89ab_cdefn;

  it.each(VMCS_FIELDS.filter((field) => field.kind !== "readonly").map((field) => [field.name, field] as const))(
    "%s holds as many bits as its width says",
    (_name, field) => {
      expect(machine.vmx.vmwrite(field.encoding, pattern)).toBe(VMX_STATUS.succeed);
      const kept = BigInt.asUintN(field.bytes * 8, pattern);
      expect(machine.vmx.vmread(field.encoding)).toBe(kept);
      expect(machine.vmx.vmread32(field.encoding)).toBe(Number(kept & 0xffffffffn));
      expect(machine.vmx.vmwriteNumber(field.encoding, 0x1234)).toBe(VMX_STATUS.succeed);
      expect(machine.vmx.vmreadNumber(field.encoding)).toBe(0x1234);
    },
  );

  it.each(
    VMCS_FIELDS.filter((field) => field.width === 64 && field.kind !== "readonly").map((f) => [f.name, f] as const),
  )("the high access type of %s reaches bits 63:32 alone", (_name, field) => {
    machine.vmx.vmwrite(field.encoding, pattern);
    expect(machine.vmx.vmread(field.encoding | 1)).toBe(0x81234567n);
    expect(machine.vmx.vmwrite(field.encoding | 1, 0xffffffff_00000001n)).toBe(VMX_STATUS.succeed);
    expect(machine.vmx.vmread(field.encoding)).toBe(0x1_89ab_cdefn);
    expect(machine.vmx.vmread32(field.encoding | 1)).toBe(1);
    expect(machine.vmx.vmreadNumber(field.encoding)).toBe(0x1_89ab_cdef);
  });

  it.each(
    VMCS_FIELDS.filter((field) => field.kind === "readonly").map((field) => [field.name, field.encoding] as const),
  )("%s is read-only", (_name, encoding) => {
    expect(machine.vmx.vmwrite(encoding, 0n)).toBe(VMX_STATUS.failValid);
  });
});
