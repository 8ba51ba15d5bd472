import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  assign,
  bytesOf,
  create,
  ERRNO,
  errnoName,
  FieldError,
  KvmAbiError,
  kvm_irq_routing,
  kvm_lapic_state,
  kvm_regs,
  kvm_run,
  kvm_sregs,
  kvm_vcpu_events,
  sizeOf,
  toObject,
  view,
} from "../src/index.ts";

describe("assign", () => {
  it("writes what it is given, however deep, and leaves the rest", () => {
    const sregs = create(kvm_sregs, { cr0: 0x60000010n, cs: { base: 0xffff0000n, selector: 0xf000 } });
    assign(sregs, { cs: { base: 0n }, interrupt_bitmap: [1n, 2n] });
    expect(sregs.cs.base).toBe(0n);
    expect(sregs.cs.selector).toBe(0xf000);
    expect(sregs.cr0).toBe(0x60000010n);
    expect([...sregs.interrupt_bitmap]).toEqual([1n, 2n, 0n, 0n]);
  });

  it("copies a view of the same structure, byte for byte", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: sizeOf(kvm_run), maxLength: sizeOf(kvm_run) }), (bytes) => {
        const source = view(kvm_run, bytes.slice());
        // `notify`, `eoi` and the like are readings of the same bytes, so nothing is lost.
        expect(bytesOf(assign(create(kvm_run), source))).toEqual(bytesOf(source));
      }),
      { numRuns: 20 },
    );
  });

  it("copies one nested view to another", () => {
    const sregs = create(kvm_sregs, { cs: { base: 5n, limit: 0xffff, type: 11, present: 1 } });
    assign(sregs.ss, sregs.cs);
    expect(toObject(sregs.ss)).toEqual(toObject(sregs.cs));
  });

  it("refuses a field that the structure does not have, and names those that it has", () => {
    const values = { eax: 1n } as object;
    expect(() => assign(create(kvm_regs), values)).toThrow(/kvm_regs has no field "eax"; it has rax, rbx/);
  });

  it("refuses values of the wrong kind", () => {
    const refused = (values: object): unknown => {
      try {
        assign(create(kvm_sregs), values);
        return undefined;
      } catch (error) {
        return error;
      }
    };
    for (const values of [
      { cr0: 1 },
      { cr0: null },
      { cr0: {} },
      { cs: 3 },
      { cs: { limit: 1n } },
      { interrupt_bitmap: 4n },
      { interrupt_bitmap: {} },
      { interrupt_bitmap: [1] },
      { interrupt_bitmap: [0n, 0n, 0n, 0n, 0n] },
    ]) {
      expect(refused(values)).toBeInstanceOf(FieldError);
      expect(refused(values)).toBeInstanceOf(KvmAbiError);
    }
  });

  it("refuses a target that is no view", () => {
    expect(() => assign({}, {})).toThrow(/not a view/);
  });
});

describe("toObject", () => {
  it("gives plain values that no longer follow the bytes", () => {
    const routing = create(kvm_irq_routing, { nr: 1, entries: [{ gsi: 4, type: 1, u: { irqchip: { pin: 4 } } }] });
    const copy = toObject(routing);
    routing.entries[0]!.gsi = 5;
    expect(copy.entries[0]?.gsi).toBe(4);
    expect(copy.entries[0]?.u.irqchip).toEqual({ irqchip: 0, pin: 4 });
    expect(copy.entries[0]?.u.pad).toEqual([0, 4, 0, 0, 0, 0, 0, 0]);
  });

  it("gives what create takes back", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), (bytes) => {
        // The three bytes after `triple_fault` and the like are fields here: this structure has no padding.
        const events = view(kvm_vcpu_events, bytes.slice());
        expect(bytesOf(create(kvm_vcpu_events, toObject(events)))).toEqual(bytesOf(events));
      }),
    );
  });

  it("is how Node prints a view", () => {
    expect(inspect(create(kvm_regs, { rip: 0xfff0n }))).toContain("rip: 65520n");
    expect(create(kvm_lapic_state).regs.length).toBe(1024);
  });
});

describe("errno", () => {
  it("has a name for each number and a number for each name", () => {
    for (const [name, number] of Object.entries(ERRNO)) {
      expect(errnoName(number)).toBe(name);
      expect(errnoName(-number)).toBe(name);
    }
  });

  it("shows a number that has no name", () => {
    expect(errnoName(-4000)).toBe("errno 4000");
  });
});
