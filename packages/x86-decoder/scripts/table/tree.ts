import { NODE, NODE_BIT } from "../../src/layout.ts";
import type { TableForm } from "./form.ts";

/** 8 memory slots by ModRM.reg, then the 64 ModRM bytes with mod 3. */
const MODRM_SLOTS = 72;

/** A leaf (form number + 1, 0 is invalid) or a choice between children. */
type Tree = number | { readonly kind: number; readonly children: readonly Tree[] };

const same = (a: Tree, b: Tree): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);

function choice(kind: number, children: readonly Tree[]): Tree {
  const first = children[0] as Tree;
  return children.every((child) => same(child, first)) ? first : { kind, children };
}

function matchesModrm(form: TableForm, slot: number): boolean {
  if (!form.hasModrm) return true;
  if (form.modrm >= 0) return slot >= 8 && form.modrm === 0xc0 + slot - 8;
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

function winner(candidates: readonly Candidate[], prefix: number, slot: number, size: number, rexB: number): number {
  const matching = candidates
    .filter(
      ({ form }) =>
        form.prefixes[prefix] && matchesModrm(form, slot) && form.operandSizes[size] && !(form.rexB0 && rexB === 1),
    )
    .sort((a, b) => specificity(b.form) - specificity(a.form));
  const [best, second] = matching;
  if (best === undefined) return 0;
  if (second !== undefined && specificity(second.form) === specificity(best.form)) {
    throw new Error(`instruction table: "${best.form.encoding}" and "${second.form.encoding}" match the same bytes`);
  }
  return best.id + 1;
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

function opcodeTree(candidates: readonly Candidate[]): Tree {
  const modrm = candidates.some(({ form }) => form.hasModrm);
  if (modrm && candidates.some(({ form }) => !form.hasModrm)) {
    throw new Error(
      `instruction table: some forms with a ModRM byte at "${candidates[0]?.form.encoding}", some without`,
    );
  }
  return choice(
    NODE.prefix,
    range(4).map((prefix) =>
      modrmChoice(
        range(MODRM_SLOTS).map((slot) =>
          choice(
            NODE.operandSize,
            range(3).map((size) =>
              choice(
                NODE.rexB,
                range(2).map((rexB) => winner(candidates, prefix, slot, size, rexB)),
              ),
            ),
          ),
        ),
      ),
    ),
  );
}

/** The decode tree as one array: first a root per mode (legacy, 64-bit), map and opcode, then the nodes, each once. */
export function buildTree(forms: readonly TableForm[], maps: number): number[] {
  const roots: Tree[] = [];
  for (const mode of ["legacy", "64"] as const) {
    for (let map = 0; map < maps; map++) {
      for (let opcode = 0; opcode < 256; opcode++) {
        const candidates = forms
          .map((form, id) => ({ form, id }))
          .filter(({ form }) => form.map === map && (form.modes === "all" || form.modes === mode))
          .filter(({ form }) => (form.registerInOpcode ? form.opcode === (opcode & 0xf8) : form.opcode === opcode));
        roots.push(candidates.length === 0 ? 0 : opcodeTree(candidates));
      }
    }
  }
  const out: number[] = roots.map(() => 0);
  const placed = new Map<string, number>();
  const place = (tree: Tree): number => {
    if (typeof tree === "number") return tree;
    const key = JSON.stringify(tree);
    const known = placed.get(key);
    if (known !== undefined) return known;
    const children = tree.children.map(place);
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
