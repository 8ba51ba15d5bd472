import { CLASS, FLOW } from "../../src/info/facts.ts";
import { FORM_CLASS } from "../../src/info/layout.ts";

const FLOW_NUMBERS: Readonly<Record<string, number>> = {
  jump: FLOW.jump,
  conditional: FLOW.conditional,
  call: FLOW.call,
  return: FLOW.return,
  "indirect-jump": FLOW.indirectJump,
  "indirect-call": FLOW.indirectCall,
  interrupt: FLOW.interrupt,
  exception: FLOW.exception,
  xbegin: FLOW.xbegin,
};

const CLASS_BITS: Readonly<Record<string, number>> = {
  cpl0: CLASS.privileged,
  iopl: CLASS.privileged,
  smm: CLASS.privileged,
  exits: CLASS.exits,
  "may-exit": CLASS.mayExit,
  faults: CLASS.mayFault,
  ends: CLASS.endsBlock,
  state: CLASS.savesState,
  vl: CLASS.vectorLength,
};

/** Words that other parts of the generator read. */
const OTHER_WORDS =
  /^(lock|k|z|k!|b16|b32|b64|er|sae|er-ignored|unique|unique-destination|no66|(disp8|feature|flow|st)=.+)$/;

const attributeValue = (words: readonly string[], name: string): string | undefined =>
  words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);

/** What an attributes column says of CPUID features; "base" if nothing. */
export const featureOf = (text: string): string => attributeValue(text.split(" "), "feature") ?? "base";

/** The first word of a class as FORM_CLASS lays it out; throws for a value that means nothing. */
export function classOf(text: string): number {
  const words = text.split(" ");
  const flowName = attributeValue(words, "flow");
  const flow = flowName === undefined ? FLOW.next : FLOW_NUMBERS[flowName];
  if (flow === undefined) throw new Error(`flow "${flowName}"`);
  const top = attributeValue(words, "st");
  const increment = top === undefined ? 0 : Number.parseInt(top, 10);
  if (Number.isNaN(increment)) throw new Error(`x87 top "${top}"`);
  let bits = 0;
  for (const word of words.filter((part) => part !== "")) {
    const bit = CLASS_BITS[word];
    if (bit === undefined && !OTHER_WORDS.test(word)) throw new Error(`attribute "${word}"`);
    bits |= bit ?? 0;
  }
  // A branch target may be outside of the code segment's limit or not canonical.
  if (flow !== FLOW.next) bits |= CLASS.endsBlock | CLASS.mayFault;
  if (top !== undefined) bits |= top.endsWith("?") ? CLASS.writesTop | CLASS.conditionalTop : CLASS.writesTop;
  return bits | (flow << FORM_CLASS.flowShift) | ((increment + 8) << FORM_CLASS.x87Shift);
}
