import fc from "fast-check";
import { describe, expect, expectTypeOf, it } from "vitest";
import * as abi from "../src/index.ts";
import {
  bytesOf,
  create,
  fieldSize,
  isView,
  kvm_cpuid2,
  kvm_fpu,
  kvm_irqchip,
  kvm_msr_list,
  kvm_msrs,
  kvm_nested_state,
  kvm_regs,
  kvm_run,
  kvm_sregs,
  kvm_userspace_memory_region,
  offsetOf,
  sizeOf,
  ViewAlignmentError,
  ViewBoundsError,
  view,
} from "../src/index.ts";

const structs = Object.keys(abi.LAYOUTS).map(
  (name) => (abi as unknown as { [name: string]: abi.Struct<abi.StructName> })[name]!,
);

/** The integer fields of all structures that have a plain offset and size of their own. */
const integers = structs.flatMap((struct) =>
  [...struct.layout.fields.values()]
    .filter(({ type, bits }) => typeof type === "string" && !type.startsWith("kvm_") && bits === undefined)
    .map(({ name, size, type }) => ({ struct, name, size, signed: type === "s32" || type === "s64" })),
);

describe("an integer field", () => {
  it.each(integers.map((field) => [`${field.struct.name}.${field.name}`, field] as const))(
    "%s writes its own bytes, little-endian, and no others, and reads them back",
    (_, { struct, name, size, signed }) => {
      const at = 8 + offsetOf(struct, name);
      fc.assert(
        fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.nat(255), (raw, fill) => {
          const value = signed ? BigInt.asIntN(size * 8, raw) : BigInt.asUintN(size * 8, raw);
          const bytes = new Uint8Array(sizeOf(struct) + 16).fill(fill);
          const expected = bytes.slice();
          for (let i = 0; i < size; i++) expected[at + i] = Number(BigInt.asUintN(8, value >> BigInt(8 * i)));
          const target = view(struct, bytes, 8) as unknown as { [name: string]: number | bigint };
          target[name] = size === 8 ? value : Number(value);
          expect(bytes).toEqual(expected);
          expect(BigInt(target[name] as number | bigint)).toBe(value);
        }),
        { numRuns: 20 },
      );
    },
  );

  it("is in every structure but the ones that hold only arrays and structures", () => {
    const without = structs.filter((struct) => !integers.some((field) => field.struct === struct));
    expect(without.map(({ name }) => name).sort()).toEqual([
      "kvm_guest_debug_arch",
      "kvm_lapic_state",
      "kvm_svm_nested_state_data",
      "kvm_sync_regs",
      "kvm_vmx_nested_state_data",
      "kvm_xsave",
    ]);
  });

  it("takes values modulo its width, as C does", () => {
    const region = create(kvm_userspace_memory_region);
    region.slot = -1;
    region.userspace_addr = -1n;
    expect(region.slot).toBe(0xffffffff);
    expect(region.userspace_addr).toBe(2n ** 64n - 1n);
  });
});

describe("a view", () => {
  it("shares the bytes it was given", () => {
    const bytes = new Uint8Array(4096);
    const run = view(kvm_run, bytes);
    bytes[8] = 2;
    bytes.set([0xf8, 3], 34);
    expect(run.exit_reason).toBe(abi.KVM_EXIT.IO);
    expect(run.io.port).toBe(0x3f8);
    run.immediate_exit = 1;
    expect(bytes[1]).toBe(1);
  });

  it("of a DataView reads at the offset given, without a copy", () => {
    const memory = new DataView(new ArrayBuffer(8192));
    view(kvm_regs, memory, 4096).rip = 0x1234n;
    expect(memory.getBigUint64(4096 + 128, true)).toBe(0x1234n);
  });

  it("of a shared memory works", () => {
    const bytes = new Uint8Array(new SharedArrayBuffer(4096));
    view(kvm_run, bytes).mmio.data[3] = 9;
    expect(bytes[43]).toBe(9);
  });

  it("refuses bytes that are too few, or an offset outside them", () => {
    expect(() => view(kvm_regs, new Uint8Array(143))).toThrow(ViewBoundsError);
    expect(() => view(kvm_regs, new Uint8Array(200), 64)).toThrow(/kvm_regs takes 144 bytes/);
    expect(() => view(kvm_regs, new Uint8Array(200), -8)).toThrow(ViewBoundsError);
    expect(() => view(kvm_regs, new Uint8Array(200), Number.NaN)).toThrow(ViewBoundsError);
  });

  it("refuses a place that C could not give the structure", () => {
    expect(() => view(kvm_regs, new Uint8Array(200), 4)).toThrow(ViewAlignmentError);
    expect(() => view(kvm_regs, new Uint8Array(200).subarray(1))).toThrow(/multiple of 8/);
    expect(view(abi.kvm_mp_state, new Uint8Array(200), 4).mp_state).toBe(0);
  });

  it("gives the same nested view each time", () => {
    const sregs = create(kvm_sregs);
    expect(sregs.cs).toBe(sregs.cs);
    expect(sregs.cs).not.toBe(sregs.ds);
    sregs.cs.selector = 0xf000;
    expect(bytesOf(sregs)[13]).toBe(0xf0);
    expect(isView(sregs.cs)).toBe(true);
    expect(isView({ cs: 0 })).toBe(false);
  });

  it("reads a union in every way at once", () => {
    const run = create(kvm_run);
    run.internal.suberror = abi.KVM_INTERNAL_ERROR.EMULATION;
    run.internal.data[0] = 1n;
    expect(run.emulation_failure.suberror).toBe(1);
    expect(run.emulation_failure.flags).toBe(1n);
    expect(run.hw.hardware_exit_reason).toBe(1n);
  });

  it("packs bit-fields into the bits that C gives them", () => {
    const { redirtbl } = create(kvm_irqchip).chip.ioapic;
    const entry = redirtbl[3]!;
    entry.fields.vector = 0x31;
    entry.fields.delivery_mode = 0b101;
    entry.fields.trig_mode = 1;
    entry.fields.mask = 1;
    entry.fields.dest_id = 0xab;
    expect(entry.bits).toBe(0xab00_0000_0001_8531n);
    entry.fields.delivery_mode = 0;
    expect(entry.bits).toBe(0xab00_0000_0001_8031n);
    expect([entry.fields.trig_mode, entry.fields.polarity, entry.fields.mask]).toEqual([1, 0, 1]);
    expect(redirtbl[2]!.bits).toBe(0n);
    expect(redirtbl.length).toBe(24);
  });

  it("has arrays of arrays", () => {
    const fpu = create(kvm_fpu);
    fpu.xmm[15]![15] = 7;
    expect(bytesOf(fpu)[offsetOf(kvm_fpu, "xmm") + 255]).toBe(7);
    expect(fieldSize(kvm_fpu, "fpr")).toBe(128);
  });
});

describe("a flexible array", () => {
  it("has as many elements as the bytes have room for", () => {
    expect(view(kvm_cpuid2, new Uint8Array(8 + 40 * 5 + 39)).entries.length).toBe(5);
    expect(view(kvm_cpuid2, new Uint8Array(8)).entries.length).toBe(0);
    expect(view(kvm_msr_list, new Uint8Array(4 + 4 * 7)).indices).toEqual(new Uint32Array(7));
    expect(view(kvm_msrs, new Uint8Array(64), 8).entries.length).toBe(3);
  });

  it("is made as long as what it is given", () => {
    const msrs = create(kvm_msrs, { nmsrs: 2, entries: [{ index: 0x10, data: 5n }, { index: 0x1b }] });
    expect(bytesOf(msrs).length).toBe(8 + 2 * 16);
    expect(msrs.entries.map(({ index, data }) => [index, data])).toEqual([
      [0x10, 5n],
      [0x1b, 0n],
    ]);
    expect(create(kvm_msrs, {}, 4).entries.length).toBe(4);
  });

  it("can lie in a union behind the structure", () => {
    const bytes = new Uint8Array(128 + 8192);
    const state = view(kvm_nested_state, bytes);
    expect(state.data.vmx.length).toBe(1);
    state.data.vmx[0]!.shadow_vmcs12[0] = 1;
    expect(bytes[128 + 4096]).toBe(1);
    expect(state.data.svm[1]!.vmcb12[0]).toBe(1);
  });
});

describe("types", () => {
  it("follow from the layout table", () => {
    expectTypeOf<kvm_regs["rip"]>().toEqualTypeOf<bigint>();
    expectTypeOf<kvm_run["io"]["port"]>().toEqualTypeOf<number>();
    expectTypeOf<kvm_run["emulation_failure"]["insn_bytes"]>().toEqualTypeOf<Uint8Array>();
    expectTypeOf<kvm_sregs["interrupt_bitmap"]>().toEqualTypeOf<BigUint64Array>();
    expectTypeOf<kvm_msrs["entries"][number]>().toEqualTypeOf<abi.kvm_msr_entry>();
    expectTypeOf<abi.kvm_ioeventfd["fd"]>().toEqualTypeOf<number>();
    expectTypeOf<"s.regs.sregs.cs.base">().toExtend<abi.FieldPath<"kvm_run">>();
    // @ts-expect-error no such field
    expect(() => offsetOf(kvm_regs, "eip")).toThrow(abi.FieldError);
    // @ts-expect-error a 64-bit register takes a bigint
    expect(() => create(kvm_regs, { rip: 5 })).toThrow(/kvm_regs.rip takes a bigint \(write 5n for 5\)/);
  });
});
