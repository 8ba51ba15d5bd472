import { describe, expect, it } from "vitest";
import { changesetProblems } from "../check/changesets.ts";

const packages = new Set(["@likex/kvm"]);

describe("changesetProblems", () => {
  it("accepts one sentence for packages that exist", () => {
    expect(changesetProblems('---\n"@likex/kvm": minor\n---\n\nAdded KVM_RUN.\n', packages)).toEqual([]);
  });

  it("refuses unknown packages, unreadable lines and more than one sentence", () => {
    const text = '---\n"@likex/vm": minor\nkvm patch\n---\n\nAdded it. And more.\n';
    expect(changesetProblems(text, packages)).toEqual([
      "names @likex/vm, which is no package",
      "cannot read the line kvm patch",
      "must be one sentence in the past tense",
    ]);
  });

  it("refuses a text without front matter", () => {
    expect(changesetProblems("Added it.\n", packages)).toEqual(["has no front matter with packages"]);
  });
});
