import { describe, expect, it } from "vitest";
import { isPatValid } from "../src/host-checks.ts";

const VALID = [0, 1, 4, 5, 6, 7];

describe("IA32_PAT", () => {
  it("accepts exactly the memory types 0, 1, 4, 5, 6 and 7 in each byte", () => {
    for (let type = 0; type < 256; type++) {
      for (let at = 0; at < 8; at++) {
        const word = (type << ((at & 3) * 8)) | (0x06060606 & ~(0xff << ((at & 3) * 8)));
        const valid = at < 4 ? isPatValid(word, 0x00070406) : isPatValid(0x00070406, word);
        expect(valid, `type ${type} in byte ${at}`).toBe(VALID.includes(type));
      }
    }
  });
});
