import { describe, expect, it } from "vitest";
import { HostMemory, hpa, InvalidMemoryArgumentError, OutOfHostMemoryError, PAGE_SIZE } from "../src/index.ts";

const small = (frames: number): HostMemory => HostMemory.create({ bytes: frames * PAGE_SIZE });

describe("the arena", () => {
  it("is 256 MiB of which nothing is in use", () => {
    const memory = HostMemory.create();
    expect(memory.bytes).toBe(256 << 20);
    expect(memory.framesTotal).toBe(65536);
    expect(memory.framesInUse).toBe(0);
    expect(memory.memory.buffer).toBe(memory.u8.buffer);
  });

  it.each([0, -65536, 4096, 65537, 1.5, Number.NaN, 2 ** 31])("refuses a size of %d bytes", (bytes) => {
    expect(() => HostMemory.create({ bytes })).toThrow(InvalidMemoryArgumentError);
  });
});

describe("single frames", () => {
  it("are aligned, zeroed, distinct, and never frame 0", () => {
    const memory = small(16);
    const seen = new Set<number>();
    for (let i = 0; i < 15; i++) {
      const frame = memory.allocateFrame();
      expect(frame % PAGE_SIZE).toBe(0);
      expect(frame).toBeGreaterThan(0);
      expect(memory.references(frame)).toBe(1);
      seen.add(frame);
    }
    expect(seen.size).toBe(15);
    expect(memory.framesInUse).toBe(15);
  });

  it("are zeroed again when they are handed out again", () => {
    const memory = small(16);
    const frame = memory.allocateFrame();
    memory.u8.fill(0xaa, frame, frame + PAGE_SIZE);
    memory.releaseFrame(frame);
    const again = memory.allocateFrame();
    expect(again).toBe(frame);
    expect(memory.u8.subarray(again, again + PAGE_SIZE).every((byte) => byte === 0)).toBe(true);
  });

  it("stay allocated until the last reference is released", () => {
    const memory = small(16);
    const frame = memory.allocateFrame();
    memory.retainFrame(frame);
    memory.releaseFrame(frame);
    expect(memory.framesInUse).toBe(1);
    memory.releaseFrame(frame);
    expect(memory.framesInUse).toBe(0);
    expect(memory.references(frame)).toBe(0);
  });

  it("run out with an error that says how many are free", () => {
    const memory = small(16);
    for (let i = 0; i < 15; i++) memory.allocateFrame();
    expect(() => memory.allocateFrame()).toThrow(OutOfHostMemoryError);
    expect(() => memory.allocateFrame()).toThrow("1 frames of 4 KiB asked, 0 free");
  });

  it("refuse a release or retain of what is not allocated", () => {
    const memory = small(16);
    const frame = memory.allocateFrame();
    memory.releaseFrame(frame);
    expect(() => memory.releaseFrame(frame)).toThrow(InvalidMemoryArgumentError);
    expect(() => memory.retainFrame(frame)).toThrow(InvalidMemoryArgumentError);
    expect(() => memory.releaseFrame(hpa(0))).toThrow(InvalidMemoryArgumentError);
    expect(() => memory.releaseFrame(hpa(memory.bytes))).toThrow(InvalidMemoryArgumentError);
    expect(() => memory.retainFrame(hpa(frame + 8))).toThrow(InvalidMemoryArgumentError);
  });
});

describe("runs of frames", () => {
  it("are contiguous, zeroed, one reference each", () => {
    const memory = small(16);
    const run = memory.allocateFrames(4);
    memory.u8.fill(1, run, run + 4 * PAGE_SIZE);
    expect(memory.allocateFrame()).toBe(run + 4 * PAGE_SIZE);
    memory.releaseFrames(run, 4);
    const again = memory.allocateFrames(4);
    expect(again).toBe(run);
    expect(memory.u8.subarray(again, again + 4 * PAGE_SIZE).every((byte) => byte === 0)).toBe(true);
    expect(memory.references(hpa(again + 3 * PAGE_SIZE))).toBe(1);
  });

  it("of the same lengths come and go without using new memory", () => {
    const memory = small(64);
    const first = memory.allocateFrames(8);
    memory.releaseFrames(first, 8);
    for (let i = 0; i < 1000; i++) {
      const long = memory.allocateFrames(8);
      const short = memory.allocateFrames(3);
      expect(long).toBe(first);
      memory.releaseFrames(long, 8);
      memory.releaseFrames(short, 3);
    }
    expect(memory.framesInUse).toBe(0);
  });

  it("of any lengths never run out as long as there is room", () => {
    const memory = small(64);
    let state = 1;
    for (let i = 0; i < 2000; i++) {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      const count = 1 + ((state >>> 16) % 63);
      const run = memory.allocateFrames(count);
      memory.u8.fill(0xff, run, run + count * PAGE_SIZE);
      memory.releaseFrames(run, count);
    }
    expect(memory.framesInUse).toBe(0);
    expect(memory.allocateFrames(63)).toBe(PAGE_SIZE);
  });

  it("are made of freed single frames and untouched ones that lie side by side", () => {
    const memory = small(16);
    const singles = Array.from({ length: 10 }, () => memory.allocateFrame());
    for (const frame of singles.slice(5)) memory.releaseFrame(frame);
    const run = memory.allocateFrames(10);
    expect(run).toBe(singles[5]);
    expect(memory.framesInUse).toBe(15);
    expect(() => memory.allocateFrame()).toThrow(OutOfHostMemoryError);
  });

  it("serve single frames when nothing else is left", () => {
    const memory = small(16);
    memory.releaseFrames(memory.allocateFrames(15), 15);
    const singles = new Set(Array.from({ length: 15 }, () => memory.allocateFrame()));
    expect(singles.size).toBe(15);
  });

  it("keep the frames that somebody else holds", () => {
    const memory = small(16);
    const run = memory.allocateFrames(3);
    const middle = hpa(run + PAGE_SIZE);
    memory.retainFrame(middle);
    memory.releaseFrames(run, 3);
    expect(memory.framesInUse).toBe(1);
    expect(memory.references(middle)).toBe(1);
    expect(new Set([memory.allocateFrame(), memory.allocateFrame()])).not.toContain(middle);
  });

  it("refuse a count that is none, and too many without losing anything", () => {
    const memory = small(16);
    for (const count of [0, -1, 1.5, Number.NaN])
      expect(() => memory.allocateFrames(count)).toThrow(InvalidMemoryArgumentError);
    expect(() => memory.allocateFrames(16)).toThrow(OutOfHostMemoryError);
    const kept = memory.allocateFrames(8);
    expect(() => memory.allocateFrames(8)).toThrow("8 frames of 4 KiB asked, 7 free");
    memory.releaseFrames(kept, 8);
    expect(memory.allocateFrames(15)).toBe(PAGE_SIZE);
  });

  it("say when frames are free but not side by side", () => {
    const memory = small(16);
    const singles = Array.from({ length: 15 }, () => memory.allocateFrame());
    for (let i = 0; i < 15; i += 2) memory.releaseFrame(singles[i] ?? hpa(0));
    expect(() => memory.allocateFrames(2)).toThrow("2 frames of 4 KiB asked, 8 free, but not in one run");
  });

  it("refuse the release of a run that is not all allocated, and release none of it", () => {
    const memory = small(16);
    const run = memory.allocateFrames(2);
    expect(() => memory.releaseFrames(run, 3)).toThrow(InvalidMemoryArgumentError);
    expect(memory.references(run)).toBe(1);
  });
});
