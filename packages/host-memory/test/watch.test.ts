import { describe, expect, it } from "vitest";
import { HostMemory, hpa, hva } from "../src/index.ts";

const setUp = () => {
  const memory = HostMemory.create({ bytes: 1 << 20 });
  const frame = memory.allocateFrame();
  return { memory, frame };
};

describe("a watched frame", () => {
  it("changes the epoch once, when it becomes watched", () => {
    const { memory, frame } = setUp();
    const before = memory.watchEpoch;
    memory.watchFrame(frame);
    const watched = memory.watchEpoch;
    expect(watched).not.toBe(before);
    memory.watchFrame(hpa(frame + 0x123));
    expect(memory.watchEpoch).toBe(watched);
    expect(memory.isWatched(hpa(frame + 0xfff))).toBe(true);
  });

  it.each([
    ["writeU32", (memory: HostMemory, at: number) => memory.writeU32(hpa(at + 8), 7)],
    ["writeU64", (memory: HostMemory, at: number) => memory.writeU64(hpa(at + 8), 7n)],
    ["noteWrite", (memory: HostMemory, at: number) => memory.noteWrite(hpa(at + 8))],
    ["its release", (memory: HostMemory, at: number) => memory.releaseFrame(hpa(at))],
  ])("gets a new version and is unwatched by %s", (_name, write) => {
    const { memory, frame } = setUp();
    memory.watchFrame(frame);
    const version = memory.frameVersion(frame);
    const epoch = memory.watchEpoch;
    write(memory, frame);
    expect(memory.frameVersion(frame)).not.toBe(version);
    expect(memory.isWatched(frame)).toBe(false);
    expect(memory.watchEpoch).not.toBe(epoch);
  });

  it("is noticed when it is freed as part of a run", () => {
    const { memory } = setUp();
    const run = memory.allocateFrames(2);
    const second = hpa(run + 4096);
    memory.watchFrame(second);
    const version = memory.frameVersion(second);
    memory.releaseFrames(run, 2);
    expect(memory.frameVersion(second)).not.toBe(version);
  });

  it("is noticed when an address space writes it", () => {
    const { memory } = setUp();
    const space = memory.createAddressSpace();
    const { address, hpa: frame = hpa(0) } = space.map({ length: 4096, backing: "contiguous" });
    memory.watchFrame(frame);
    const version = memory.frameVersion(frame);
    space.write(hva(address + 5), Uint8Array.of(1));
    expect(memory.frameVersion(frame)).not.toBe(version);
  });
});

describe("a frame that is not watched", () => {
  it("is written without a trace", () => {
    const { memory, frame } = setUp();
    const { watchEpoch } = memory;
    const version = memory.frameVersion(frame);
    memory.writeU64(frame, 0x1122334455667788n);
    memory.noteWrite(frame);
    expect(memory.frameVersion(frame)).toBe(version);
    expect(memory.watchEpoch).toBe(watchEpoch);
    expect(memory.readU64(frame)).toBe(0x1122334455667788n);
    expect(memory.readU32(hpa(frame + 4))).toBe(0x11223344);
  });
});

describe("a patch of a watched frame", () => {
  it("keeps the frame watched and its version, and changes the epoch", () => {
    const { memory, frame } = setUp();
    memory.watchFrame(frame);
    const before = { version: memory.frameVersion(frame), epoch: memory.watchEpoch };
    memory.notePatch(hpa(frame + 0x123));
    expect(memory.isWatched(frame)).toBe(true);
    expect(memory.frameVersion(frame)).toBe(before.version);
    expect(memory.watchEpoch).not.toBe(before.epoch);
  });

  it("is counted for the frame alone", () => {
    const { memory, frame } = setUp();
    const other = memory.allocateFrame();
    expect(memory.framePatches(frame)).toBe(0);
    memory.notePatch(frame);
    memory.notePatch(hpa(frame + 0xffc));
    expect(memory.framePatches(hpa(frame + 8))).toBe(2);
    expect(memory.framePatches(other)).toBe(0);
  });
});
