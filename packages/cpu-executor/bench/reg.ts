import { buildGuest } from "./executor-shape/guests.ts";
import { Machine } from "./executor-shape/machine.ts";
import { compileRegions } from "./executor-shape/region-compiler.ts";
import { variants } from "./executor-shape/variants.ts";

const test = variants()[0]!.build();
for (const [name, n] of [
  ["int", 8],
  ["mem", 1],
  ["branch", 4],
  ["calls", 300],
] as const) {
  const g = buildGuest(name);
  const run = (useRegions: boolean) => {
    const m = new Machine(g, `n=${n}`, test);
    const hits = new Map<number, number>();
    const p = new Machine(g, `n=${n}`, test);
    while (!p.exited) {
      p.run(100003);
      const r = p.state.ripNumber;
      hits.set(r, (hits.get(r) ?? 0) + 1);
    }
    while (m.retired < 1e6) {
      m.run(1e6);
    }
    if (useRegions) {
      const top = [...hits]
        .sort((a, b) => b[1] - a[1])
        .slice(0, 40)
        .map((x) => x[0]);
      const c = compileRegions(m, top);
      console.log(top.length, c.instructions, c.bytes, c.emitMs.toFixed(0), c.compileMs.toFixed(1));
      for (const [k, v] of c.regions) m.regions.set(k, v);
      m.tlb.flush();
    }
    const t = performance.now(),
      r0 = m.retired;
    while (!m.exited) m.run(2e5);
    const dt = performance.now() - t;
    console.log(
      name,
      useRegions,
      ((m.retired - r0) / dt / 1000).toFixed(0),
      "MIPS",
      m.output.trim().split("\n").at(-1),
    );
  };
  run(false);
  run(true);
}
