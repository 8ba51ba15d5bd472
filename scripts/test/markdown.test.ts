import { describe, expect, it } from "vitest";
import { anchors, examples, relativeLinks } from "../lib/markdown.ts";

const FENCE = "```";

describe("relativeLinks", () => {
  it("finds relative links and leaves out those with a scheme, in code spans and in code blocks", () => {
    const text = `[a](docs/a.md#one) and [b](https://b.example)\n\`[c](c.md)\`\n${FENCE}\n[d](d.md)\n${FENCE}\n[e](#here)`;
    expect(relativeLinks(text)).toEqual([
      { line: 1, path: "docs/a.md", anchor: "one" },
      { line: 6, path: "", anchor: "here" },
    ]);
  });
});

describe("anchors", () => {
  it("are headings in lower case with hyphens", () => {
    expect([...anchors("# One KVM_RUN, end to end\n## `likex run`\n")]).toEqual([
      "one-kvm_run-end-to-end",
      "likex-run",
    ]);
  });
});

describe("examples", () => {
  it("are ts blocks directly followed by a text block", () => {
    const text = `# A\n\n${FENCE}ts\nconsole.log(1);\n${FENCE}\n\n${FENCE}text\n1\n${FENCE}\n`;
    expect(examples(text)).toEqual([{ line: 3, code: "console.log(1);\n", output: "1\n" }]);
  });

  it("are not fragments, whose output is not given", () => {
    const fragment = `${FENCE}ts\nvm.run();\n${FENCE}\n\nText.\n\n${FENCE}text\n1\n${FENCE}\n`;
    expect(examples(fragment)).toEqual([]);
  });

  it("do not swallow the fragment before them", () => {
    const text = `${FENCE}ts\na();\n${FENCE}\n\nText.\n\n${FENCE}ts\nb();\n${FENCE}\n\n${FENCE}text\nB\n${FENCE}\n`;
    expect(examples(text).map((example) => example.code)).toEqual(["b();\n"]);
  });
});
