import { describe, expect, it } from "vitest";
import { floorProblems, floorTableProblems, parseFloors } from "../lib/floors.ts";
import { importedModules, packageOf } from "../lib/imports.ts";

const TABLE = `Text.

| floor | package | holds | may import |
| ----- | ------- | ----- | ---------- |
| 0 | \`abi\` | numbers | – |
| 1 | \`client\` | calls | \`abi\` |
| 2 | \`apps/cli\` | a command | anything |

| other | table |
`;
const floors = parseFloors(TABLE);
const client = floors[1] as (typeof floors)[number];

describe("the table of floors", () => {
  it("is read from markdown", () => {
    expect(floors).toEqual([
      { floor: 0, directory: "packages/abi", mayImport: [] },
      { floor: 1, directory: "packages/client", mayImport: ["abi"] },
      { floor: 2, directory: "apps/cli", mayImport: "anything" },
    ]);
  });

  it("must be there", () => {
    expect(() => parseFloors("| floor | package |\n")).toThrow("no table");
  });

  it("names every package that exists and none that does not", () => {
    expect(floorTableProblems(floors, ["packages/abi", "packages/client", "packages/new"])).toEqual([
      "packages/new is not in the table",
      "apps/cli is in the table but does not exist",
    ]);
  });

  it("allows imports from lower floors alone", () => {
    const upward = parseFloors(TABLE.replace("numbers | –", "numbers | `client`, `gone`"));
    expect(floorTableProblems(upward, ["packages/abi", "packages/client", "apps/cli"])).toEqual([
      "packages/abi may import client, which is not below it",
      "packages/abi may import gone, which the table does not know",
    ]);
  });
});

describe("a package's imports", () => {
  const manifest = { name: "@likex/client", dependencies: { "@likex/abi": "workspace:*" } };

  it("may be what its row names, its own name, and Node's modules", () => {
    const text = 'import { a } from "@likex/abi";\nexport * from "./b.ts";\nimport "@likex/client";\nimport "node:fs";';
    expect(floorProblems(client, manifest, [{ path: "a.ts", text }])).toEqual([]);
  });

  it("are refused above the package, undeclared, or dynamic", () => {
    const text = 'import type { A } from "@likex/vmx/trace";\nconst b = await import("left-pad");';
    expect(floorProblems(client, manifest, [{ path: "a.ts", text }])).toEqual([
      "a.ts imports @likex/vmx against the table",
      "a.ts imports left-pad, which package.json does not declare",
    ]);
  });

  it("are refused in package.json too", () => {
    const wrong = { name: "@likex/client", optionalDependencies: { "@likex/kvm": "workspace:*" } };
    expect(floorProblems(client, wrong, [])).toEqual([
      "packages/client/package.json depends on @likex/kvm, which its row does not name",
    ]);
  });
});

describe("importedModules", () => {
  it("does not take comments for imports", () => {
    expect(importedModules('// import "a"\n/* from "b" */\nimport {\n  c,\n} from "c";')).toEqual(["c"]);
  });

  it("names the package of a subpath", () => {
    expect([packageOf("@a/b/c"), packageOf("d/e"), packageOf("./f.ts"), packageOf("node:fs")]).toEqual([
      "@a/b",
      "d",
      undefined,
      undefined,
    ]);
  });
});
