import { join } from "node:path";
import { build } from "vite";
import { describe, expect, it } from "vitest";
import { repositoryRoot } from "../check/workspace.ts";

/** Source files that a bundle of a package's entry point loads at once, relative to its src/. */
async function bundledModules(name: string, entry: string = "index.ts"): Promise<string[]> {
  const source = join(repositoryRoot, "packages", name, "src");
  const result = await build({
    configFile: false,
    logLevel: "silent",
    build: {
      ssr: true,
      write: false,
      rolldownOptions: { input: join(source, entry), external: /^@likex\// },
    },
  });
  const { output } = result as Extract<typeof result, { readonly output: unknown }>;
  return output
    .flatMap((file) => (file.type === "chunk" && !file.isDynamicEntry ? file.moduleIds : []))
    .map((id) => id.slice(source.length + 1));
}

describe("what a program loads to run guests", () => {
  it("has the interpreter without what generates it: no semantics, no routines, no emitter", async () => {
    const modules = await bundledModules("cpu-executor");
    expect(modules).toContain("cpu.ts");
    expect(modules).toContain("generated/interpreter.ts");
    const generators = /^(semantics|routines)\/|^interpreter\/(?!instance\.ts)/;
    expect(modules.filter((module) => generators.test(module))).toEqual([]);
  });

  it("has the compiler without what shows its regions", async () => {
    const modules = await bundledModules("cpu-executor", "jit/index.ts");
    expect(modules).toContain("jit/write-region.ts");
    expect(modules).not.toContain("jit/dump.ts");
  });

  it("has the emitter without its disassembler", async () => {
    const modules = await bundledModules("wasm-emitter");
    expect(modules).toContain("module.ts");
    expect(modules.filter((module) => module.startsWith("disassembler/"))).toEqual([]);
  });
});
