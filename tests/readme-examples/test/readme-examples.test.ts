import { describe, expect, it } from "vitest";
import { readmeExamples, runExample } from "../src/readmes.ts";

describe("the example of", () => {
  it.each(readmeExamples().map((example) => [`${example.readme}:${example.line}`, example] as const))(
    "%s prints what the README says",
    async (_, example) => {
      expect(await runExample(example)).toBe(example.output);
    },
    90_000,
  );
});
