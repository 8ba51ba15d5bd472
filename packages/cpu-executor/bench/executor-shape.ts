import { parseArgs } from "node:util";
import { buildGuest, guestsMissing } from "./executor-shape/guests.ts";
import { Machine } from "./executor-shape/machine.ts";
import { variants } from "./executor-shape/variants.ts";

const { values } = parseArgs({
  options: { json: { type: "boolean", default: false }, millions: { type: "string", default: "60" } },
});
const millions = Number(values.millions);
const missing = guestsMissing();
const guests = missing === undefined ? ["int", "mem", "branch", "calls"].map(buildGuest) : [];
for (const v of variants()) {
  const t0 = performance.now();
  const test = v.build();
  const t1 = performance.now();
  new WebAssembly.Module(test.bytes);
  const t2 = performance.now();
  const line: string[] = [];
  for (const g of guests) {
    const m = new Machine(g, "n=4", test);
    m.run(millions * 1e6);
    const i0 = m.retired,
      s = performance.now();
    m.run(millions * 1e6);
    line.push(`${g.name} ${((m.retired - i0) / (performance.now() - s) / 1000).toFixed(0)}`);
  }
  console.log(
    v.name,
    v.plan.hot.length,
    v.plan.cold.length,
    test.bytes.length,
    (t1 - t0).toFixed(0),
    (t2 - t1).toFixed(1),
    line.join("  "),
  );
}
