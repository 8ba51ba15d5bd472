import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { HostKvm, HostKvmError, HostKvmUnavailableError } from "../src/index.ts";

describe("availability", () => {
  it("says what is missing and what to use instead for a device that does not exist", () => {
    const { available, reason } = HostKvm.availability("/dev/no-such-kvm");
    expect(available).toBe(false);
    expect(reason).toMatch(/^\/dev\/no-such-kvm .*Use the emulated driver\.$/);
  });

  it("is the reason of the error that create throws", () => {
    const path = "/dev/no-such-kvm";
    expect(() => HostKvm.create({ path })).toThrow(HostKvmUnavailableError);
    expect(() => HostKvm.create({ path })).toThrow(HostKvm.availability(path).reason);
    expect(HostKvmUnavailableError.prototype).toBeInstanceOf(HostKvmError);
  });

  it("is a plain answer for the machine's own device", () => {
    const { available, reason } = HostKvm.availability();
    expect(reason).toContain("/dev/kvm");
    if (!existsSync("/dev/kvm")) expect(available).toBe(false);
  });
});
