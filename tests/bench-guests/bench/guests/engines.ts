import type { Amounts, Bits, Work } from "../../src/catalogue.ts";
import { runChild } from "./child-process.ts";
import { failed, type LikexRun, type Run } from "./measurement.ts";
import { qemuMissing, runQemu } from "./qemu.ts";

export type EngineName = "likex" | "likex-interpreter" | "v86" | "v86-interpreter" | "qemu-tcg";

/** What runs guests. */
export interface Engine {
  readonly name: EngineName;
  readonly isPeer: boolean;
  readonly bits: readonly Bits[];
  /** Why it cannot run here, or undefined. */
  missing(): string | undefined;
  /** The amounts of work that it is given, each once. */
  works(amounts: Amounts): readonly Work[];
  run(image: string, n: number): Promise<Run>;
}

const LIKEX_CHILD = new URL("./child-likex.ts", import.meta.url);
const V86_CHILD = new URL("./child-v86.ts", import.meta.url);

async function runScript<T extends Run>(script: URL, image: string, n: number, tier: string): Promise<T | Run> {
  const result = await runChild<T>(script, [image, String(n), tier]);
  return result.problem === undefined ? result.report : failed(result.problem);
}

/** Runs LiKeX in a process of its own, which also tells its memory. */
export const runLikex = (image: string, n: number, tier: "auto" | "interpreter"): Promise<LikexRun | Run> =>
  runScript<LikexRun>(LIKEX_CHILD, image, n, tier);

const present = (): undefined => undefined;
const interpreted = ({ interpreted: work }: Amounts): readonly Work[] => [work];
const compiled = ({ compiled: works }: Amounts): readonly Work[] => works;

/** All of them. v86 has no 64-bit mode; QEMU, a compiler, stands beside both of our tiers. */
export const ENGINES: readonly Engine[] = [
  {
    name: "likex",
    isPeer: false,
    bits: [32, 64],
    missing: present,
    works: compiled,
    run: (image, n) => runLikex(image, n, "auto"),
  },
  {
    name: "v86",
    isPeer: true,
    bits: [32],
    missing: present,
    works: compiled,
    run: (image, n) => runScript(V86_CHILD, image, n, "jit"),
  },
  {
    name: "qemu-tcg",
    isPeer: true,
    bits: [32, 64],
    missing: qemuMissing,
    works: ({ interpreted: small, compiled: works }) =>
      works.some(({ n }) => n === small.n) ? works : [small, ...works],
    run: runQemu,
  },
  {
    name: "likex-interpreter",
    isPeer: false,
    bits: [32, 64],
    missing: present,
    works: interpreted,
    run: (image, n) => runLikex(image, n, "interpreter"),
  },
  {
    name: "v86-interpreter",
    isPeer: true,
    bits: [32],
    missing: present,
    works: interpreted,
    run: (image, n) => runScript(V86_CHILD, image, n, "interpreter"),
  },
];
