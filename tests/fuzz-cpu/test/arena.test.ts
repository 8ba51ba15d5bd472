import { HostMemory } from "@likex/host-memory";
import { describe, expect, it } from "vitest";
import { Arena } from "../src/arena.ts";
import { PAGE } from "../src/layout.ts";

describe("an arena of guards", () => {
  it("notices each byte that changes outside of what is open", () => {
    const arena = new Arena(HostMemory.create({ bytes: 16 * PAGE }));
    const { made, range } = arena.between(() => arena.memory.allocateFrame());
    arena.open(range);
    arena.seal(2);
    const { u8, bytes } = arena.memory;
    u8[made] = 1;
    u8[bytes - 1] = 1;
    expect(arena.firstDamage()).toBe(-1);
    for (const at of [0, made - 1, made + PAGE, bytes - 2 * PAGE - 1]) {
      u8[at]! ^= 1;
      expect(arena.firstDamage()).toBe(at);
      u8[at]! ^= 1;
    }
    expect(arena.firstDamage()).toBe(-1);
  });
});
