import { NODE, NODE_BIT } from "../../src/layout.ts";
import { isVectorEncoded, type TableForm } from "./form.ts";

/** 8 memory slots by ModRM.reg, then the 64 ModRM bytes with mod 3. */
const MODRM_SLOTS = 72;

/** A leaf (a form number, 0 is invalid) or a choice between children. */
type Tree = number | { readonly kind: number; readonly children: readonly Tree[] };

const same = (a: Tree, b: Tree): boolean =>
  a === b ||
  (typeof a === "object" &&
    typeof b === "object" &&
    a.kind === b.kind &&
    a.children.length === b.children.length &&
    a.children.every((child, i) => same(child, b.children[i] as Tree)));

function choice(kind: number, children: readonly Tree[]): Tree {
  const first = children[0] as Tree;
  return children.every((child) => same(child, first)) ? first : { kind, children };
}

function matchesModrm(form: TableForm, slot: number): boolean {
  if (!form.hasModrm) return true;
  if (form.modrm >= 0) return slot >= 8 && form.modrm === ((0xc0 + slot - 8) & (form.modrmRange ? 0xf8 : 0xff));
  const register = slot >= 8;
  if (form.mod !== "any" && (form.mod === "register") !== register) return false;
  return form.digit < 0 || form.digit === (register ? (slot - 8) >> 3 : slot);
}

const specificity = (form: TableForm): number =>
  (form.prefixIsSpecific ? 8 : 0) +
  (form.modrm >= 0 ? 6 : 0) +
  (form.digit >= 0 ? 3 : 0) +
  (form.mod !== "any" ? 1 : 0) +
  (form.operandSizes.includes(false) ? 1 : 0) +
  (form.rexB0 ? 1 : 0);

interface Candidate {
  readonly form: TableForm;
  readonly id: number;
}

/** The number of the form that matches; 0 without one. */
function winner(matching: readonly Candidate[]): number {
  const [best, second] = [...matching].sort((a, b) => specificity(b.form) - specificity(a.form));
  if (best === undefined) return 0;
  if (second !== undefined && specificity(second.form) === specificity(best.form)) {
    throw new Error(`instruction table: "${best.form.encoding}" and "${second.form.encoding}" match the same bytes`);
  }
  return best.id;
}

const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

/** By ModRM.reg for memory and register alike, where rm does not matter; else by the whole byte. */
function modrmChoice(slots: readonly Tree[]): Tree {
  const byRm = range(8).some((reg) =>
    range(8).some((rm) => !same(slots[8 + reg * 8 + rm] as Tree, slots[8 + reg * 8] as Tree)),
  );
  if (byRm) return choice(NODE.modrm, slots);
  const grouped = [...slots.slice(0, 8), ...range(8).map((reg) => slots[8 + reg * 8] as Tree)];
  const [memory, register] = [grouped.slice(0, 8), grouped.slice(8)];
  if ([memory, register].every((half) => half.every((tree) => same(tree, half[0] as Tree)))) {
    return choice(NODE.mod, [memory[0] as Tree, register[0] as Tree]);
  }
  if (range(8).every((reg) => same(memory[reg] as Tree, register[reg] as Tree))) return choice(NODE.reg, memory);
  return choice(NODE.modReg, grouped);
}

type Filter = (form: TableForm, child: number) => boolean | undefined;

/** The dimensions in which an opcode's forms differ, outermost first. */
const LEGACY: readonly (readonly [number, number, Filter])[] = [
  [NODE.operandSize, 3, (form, size) => form.operandSizes[size]],
  [NODE.rexB, 2, (form, rexB) => !(form.rexB0 && rexB === 1)],
];

const LENGTH: (typeof LEGACY)[number] = [NODE.length, 4, (form, length) => form.lengths[length]];

const VECTOR: Readonly<Record<"legacy" | "64", typeof LEGACY>> = {
  legacy: [LENGTH, [NODE.w, 2, (form, w) => form.ignoresW32 || form.w[w]]],
  "64": [LENGTH, [NODE.w, 2, (form, w) => form.w[w]]],
};

function byDimensions(candidates: readonly Candidate[], dimensions: typeof LEGACY): Tree {
  const [first, ...rest] = dimensions;
  if (first === undefined) return winner(candidates);
  if (candidates.length === 0) return 0;
  const [kind, size, matches] = first;
  return choice(
    kind,
    range(size).map((child) =>
      byDimensions(
        candidates.filter(({ form }) => matches(form, child)),
        rest,
      ),
    ),
  );
}

function opcodeTree(candidates: readonly Candidate[], mode: "legacy" | "64"): Tree {
  const modrm = candidates.some(({ form }) => form.hasModrm);
  if (modrm && candidates.some(({ form }) => !form.hasModrm && !isVectorEncoded(form))) {
    throw new Error(
      `instruction table: some forms with a ModRM byte at "${candidates[0]?.form.encoding}", some without`,
    );
  }
  return choice(
    NODE.prefix,
    range(4).map((prefix) => {
      const withPrefix = candidates.filter(({ form }) => form.prefixes[prefix]);
      return modrmChoice(
        range(MODRM_SLOTS).map((slot) => {
          const here = withPrefix.filter(({ form }) => matchesModrm(form, slot));
          return byDimensions(here, here.some(({ form }) => isVectorEncoded(form)) ? VECTOR[mode] : LEGACY);
        }),
      );
    }),
  );
}

/**
 * The decode tree as one array: first a root per mode (legacy, 64-bit), map and opcode, then the nodes, each once. Form
 * numbers are positions in `forms` plus one.
 */
export function buildTree(forms: readonly TableForm[], maps: number): number[] {
  const roots: Tree[] = [];
  const numbered = forms.map((form, i) => ({ form, id: i + 1 }));
  for (const mode of ["legacy", "64"] as const) {
    for (let map = 0; map < maps; map++) {
      const inMap = numbered.filter(({ form }) => form.map === map && (form.modes === "all" || form.modes === mode));
      for (let opcode = 0; opcode < 256; opcode++) {
        const candidates = inMap.filter(({ form }) =>
          form.registerInOpcode ? form.opcode === (opcode & 0xf8) : form.opcode === opcode,
        );
        roots.push(candidates.length === 0 ? 0 : opcodeTree(candidates, mode));
      }
    }
  }
  const out: number[] = roots.map(() => 0);
  const placed = new Map<string, number>();
  const place = (tree: Tree): number => {
    if (typeof tree === "number") return tree;
    const children = tree.children.map(place);
    const key = `${tree.kind} ${children.join(" ")}`;
    const known = placed.get(key);
    if (known !== undefined) return known;
    const reference = out.length | NODE_BIT;
    if (out.length >= NODE_BIT) throw new Error("instruction table: the decode tree needs wider entries");
    out.push(tree.kind, ...children);
    placed.set(key, reference);
    return reference;
  };
  roots.forEach((tree, i) => {
    out[i] = place(tree);
  });
  return out;
}
