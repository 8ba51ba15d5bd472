import {
  constantOf,
  type FunctionBuilder,
  type FunctionReference,
  type I32,
  i32,
  i64,
  type Label,
  type Local,
  type ModuleBuilder,
  select,
} from "@likex/wasm-emitter";
import { BINARY_OPERATORS, binary, builtin, STORES, splitAddress, type Typed, unary } from "./operations.ts";
import { RoutineError, type Token, tokenize } from "./tokens.ts";

type Type = Typed["type"];

interface Signature {
  readonly name: string;
  readonly params: readonly { readonly name: string; readonly type: Type }[];
  readonly result: Type | undefined;
  /** Calls from routines are replaced by the body. */
  readonly isInline: boolean;
  /** Position of the body's opening brace. */
  readonly body: number;
}

const TYPES: ReadonlySet<string> = new Set(["i32", "i64", "f32", "f64", "v128"]);

export interface RoutineSource {
  readonly text: string;
  /** Names that stand for numbers: an i32, or an i64 for a bigint. */
  readonly constants: Readonly<Record<string, number | bigint>>;
}

/** What a call of an inline routine is replaced by. */
interface InlineRoutine {
  readonly tokens: readonly Token[];
  readonly signature: Signature;
  readonly constants: RoutineSource["constants"];
}

const DEEPEST_INLINE = 12;

export interface Routines {
  readonly functions: ReadonlyMap<string, FunctionReference>;
  /** Writes the body of an inline routine into a function; gives its value. */
  readonly insert: (code: FunctionBuilder, name: string, args: readonly Typed[]) => Typed | undefined;
}

/**
 * Compiles routines to functions of a module. The language has WebAssembly's value types, C's operators and control
 * flow, and no memory but what load and store functions reach; docs/architecture/floating-point.md describes it.
 * Everything is declared before any body is compiled, so routines may call each other in any order.
 */
export function compileRoutines(
  module: ModuleBuilder,
  sources: readonly RoutineSource[],
  imports: Readonly<Record<string, FunctionReference>>,
): Routines {
  const functions = new Map<string, FunctionReference>(Object.entries(imports));
  const inline = new Map<string, InlineRoutine>();
  const bodies: { readonly compiler: RoutineCompiler; readonly signature: Signature }[] = [];
  for (const { text, constants } of sources) {
    const tokens = tokenize(text);
    for (const signature of signaturesOf(tokens)) {
      if (functions.has(signature.name) || inline.has(signature.name))
        throw new RoutineError(`${signature.name} is defined twice`);
      if (signature.isInline) {
        inline.set(signature.name, { tokens, signature, constants });
        continue;
      }
      const results = signature.result === undefined ? [] : [signature.result];
      const code = module.function(
        signature.name,
        signature.params.map((p) => p.type),
        results,
      );
      functions.set(signature.name, code);
      bodies.push({ compiler: new RoutineCompiler(tokens, code, { functions, inline }, constants), signature });
    }
  }
  for (const { compiler, signature } of bodies) compiler.compile(signature);
  const insert: Routines["insert"] = (code, name, args) => {
    const routine = inline.get(name);
    if (routine === undefined) throw new RoutineError(`${name} is no inline routine`);
    return new RoutineCompiler(routine.tokens, code, { functions, inline }, routine.constants).insert(routine, args);
  };
  return { functions, insert };
}

function signaturesOf(tokens: readonly Token[]): Signature[] {
  const found: Signature[] = [];
  let at = 0;
  const next = (): string => (tokens[at++] as Token).text;
  const expect = (text: string): void => {
    const token = tokens[at++] as Token;
    if (token.text !== text) throw new RoutineError(`line ${token.line}: got ${token.text}, needs ${text}`);
  };
  while (tokens[at]?.kind !== "end") {
    const isInline = tokens[at]?.text === "inline";
    if (isInline) at++;
    expect("fn");
    const name = next();
    expect("(");
    const params: { name: string; type: Type }[] = [];
    while (tokens[at]?.text !== ")") {
      const param = next();
      expect(":");
      params.push({ name: param, type: typeOf(tokens[at++] as Token) });
      if (tokens[at]?.text === ",") at++;
    }
    expect(")");
    let result: Type | undefined;
    if (tokens[at]?.text === "->") {
      at++;
      result = typeOf(tokens[at++] as Token);
    }
    found.push({ name, params, result, isInline, body: at });
    let depth = 0;
    do {
      const token = tokens[at++] as Token;
      if (token.kind === "end") throw new RoutineError(`${name}: its body does not end`);
      if (token.text === "{") depth++;
      if (token.text === "}") depth--;
    } while (depth > 0);
  }
  return found;
}

function typeOf(token: Token): Type {
  if (!TYPES.has(token.text)) throw new RoutineError(`line ${token.line}: ${token.text} is no type`);
  return token.text as Type;
}

interface Callees {
  readonly functions: ReadonlyMap<string, FunctionReference>;
  readonly inline: ReadonlyMap<string, InlineRoutine>;
}

class RoutineCompiler {
  #tokens: readonly Token[];
  readonly #code: FunctionBuilder;
  readonly #callees: Callees;
  #constants: RoutineSource["constants"];
  #scopes: Map<string, Local>[] = [];
  #loops: { readonly start: Label; readonly end: Label }[] = [];
  #at = 0;
  #result: Type | undefined;
  /** Where `return` goes inside of an inlined body. */
  #inlined: { readonly end: Label; readonly result: Local<Type> | undefined } | undefined;
  #inlineDepth = 0;
  /** The statement so far has a call that is not emitted yet. */
  #hasPendingCall = false;
  /** Inside of a body whose statements are emitted before what stands left of its call. */
  #mustBePure = false;

  constructor(
    tokens: readonly Token[],
    code: FunctionBuilder,
    callees: Callees,
    constants: RoutineSource["constants"],
  ) {
    this.#tokens = tokens;
    this.#code = code;
    this.#callees = callees;
    this.#constants = constants;
  }

  compile(signature: Signature): void {
    this.#at = signature.body;
    this.#result = signature.result;
    this.#scopes.push(new Map(signature.params.map((p, i) => [p.name, this.#code.param(i, p.type)])));
    this.#block();
    if (signature.result !== undefined) this.#code.unreachable();
  }

  insert(routine: InlineRoutine, args: readonly Typed[]): Typed | undefined {
    return this.#inline(routine, args, false);
  }

  get #token(): Token {
    return this.#tokens[this.#at] as Token;
  }

  #fail(message: string): never {
    throw new RoutineError(`${this.#code.name}, line ${this.#token.line}: ${message}`);
  }

  #accept(text: string): boolean {
    if (this.#token.text !== text || this.#token.kind === "number") return false;
    this.#at++;
    return true;
  }

  #expect(text: string): void {
    if (!this.#accept(text)) this.#fail(`got ${this.#token.text}, needs ${text}`);
  }

  #block(): void {
    this.#expect("{");
    this.#scopes.push(new Map());
    while (!this.#accept("}")) this.#statement();
    this.#scopes.pop();
  }

  #statement(): void {
    this.#hasPendingCall = false;
    const loop = this.#loops.at(-1);
    if (this.#token.text === "{") this.#block();
    else if (this.#accept("if")) this.#if();
    else if (this.#accept("while")) this.#while();
    else {
      if (this.#accept("let")) this.#let();
      else if (this.#accept("return")) this.#return();
      else if (loop !== undefined && this.#accept("break")) this.#code.br(loop.end);
      else if (loop !== undefined && this.#accept("continue")) this.#code.br(loop.start);
      else this.#assignmentOrCall();
      this.#expect(";");
    }
  }

  #let(): void {
    const name = this.#name();
    this.#expect("=");
    const value = this.#expression();
    const local = this.#code.local(value.type);
    this.#code.set(local, value);
    this.#scopes.at(-1)?.set(name, local);
  }

  #return(): void {
    const inlined = this.#inlined;
    if (this.#token.text === ";") {
      if (inlined === undefined) this.#code.return();
      else this.#code.br(inlined.end);
      return;
    }
    const value = this.#expression();
    if (value.type !== this.#result) this.#fail(`returns ${value.type}, declared ${this.#result ?? "nothing"}`);
    if (inlined?.result === undefined) this.#code.return(value);
    else {
      this.#code.set(inlined.result, value);
      this.#code.br(inlined.end);
    }
  }

  #if(): void {
    this.#expect("(");
    const condition = this.#condition();
    this.#expect(")");
    // The bodies are compiled inside of the emitter's callbacks, in the order of the text.
    const start = this.#at;
    this.#skipStatement();
    const hasElse = this.#token.text === "else";
    this.#at = start;
    this.#code.if(
      condition,
      () => this.#statement(),
      hasElse
        ? () => {
            this.#expect("else");
            this.#statement();
          }
        : undefined,
    );
  }

  #skipStatement(): void {
    if (this.#token.text === "{") this.#skipBalanced("{", "}");
    else if (this.#accept("if")) {
      this.#skipBalanced("(", ")");
      this.#skipStatement();
      if (this.#accept("else")) this.#skipStatement();
    } else if (this.#accept("while")) {
      this.#skipBalanced("(", ")");
      this.#skipStatement();
    } else {
      while (!this.#accept(";")) this.#skipToken();
    }
  }

  #skipBalanced(open: string, close: string): void {
    let depth = 0;
    do {
      if (this.#token.text === open) depth++;
      if (this.#token.text === close) depth--;
      this.#skipToken();
    } while (depth > 0);
  }

  #skipToken(): void {
    if (this.#token.kind === "end") this.#fail("a statement does not end");
    this.#at++;
  }

  #while(): void {
    const code = this.#code;
    code.block((end) =>
      code.loop((start) => {
        this.#expect("(");
        const condition = this.#condition();
        this.#expect(")");
        const constant = constantOf(condition);
        if (constant === undefined || constant === 0n) code.brIf(end, i32.eqz(condition));
        this.#loops.push({ start, end });
        this.#statement();
        this.#loops.pop();
        code.br(start);
      }),
    );
  }

  #condition(): I32 {
    const value = this.#expression();
    if (value.type !== "i32") this.#fail(`a condition of type ${value.type}`);
    return value as I32;
  }

  #assignmentOrCall(): void {
    const name = this.#name();
    const local = this.#find(name);
    if (local !== undefined) {
      const symbol = this.#token.text;
      this.#at++;
      const value = this.#expression();
      const old = this.#code.get(local) as Typed;
      const next = symbol === "=" ? value : binary(symbol.slice(0, -1), old, value);
      if (next === undefined || next.type !== local.type)
        this.#fail(`cannot do ${symbol} to ${name} of type ${local.type} with ${value.type}`);
      this.#code.set(local, next);
      return;
    }
    this.#expect("(");
    const args = this.#arguments();
    const inline = this.#callees.inline.get(name);
    if (inline !== undefined) {
      this.#inline(inline, args, this.#mustBePure);
      return;
    }
    if (this.#mustBePure) this.#fail(`${name} in an inline routine that is called within an expression`);
    const store = STORES[name];
    if (store !== undefined) {
      const [address, value] = args as [I32, Typed];
      if (address?.type !== "i32" || value?.type !== store.type) this.#fail(`${name} of ${value?.type}`);
      const { base, offset } = splitAddress(address);
      this.#code.store(store.kind, base, value, offset);
      return;
    }
    const callee = this.#callees.functions.get(name);
    if (callee === undefined) this.#fail(`unknown routine ${name}`);
    this.#code.perform(callee, ...args);
  }

  #arguments(): Typed[] {
    const args: Typed[] = [];
    while (!this.#accept(")")) {
      args.push(this.#expression());
      if (this.#token.text !== ")") this.#expect(",");
    }
    return args;
  }

  #name(): string {
    if (this.#token.kind !== "name") this.#fail(`got ${this.#token.text}, needs a name`);
    return (this.#tokens[this.#at++] as Token).text;
  }

  #find(name: string): Local<Type> | undefined {
    for (let i = this.#scopes.length - 1; i >= 0; i--) {
      const local = this.#scopes[i]?.get(name);
      if (local !== undefined) return local as Local<Type>;
    }
    return undefined;
  }

  /** `c ? a : b` computes both. */
  #expression(): Typed {
    const condition = this.#binary(0);
    if (!this.#accept("?")) return condition;
    const a = this.#expression();
    this.#expect(":");
    const b = this.#expression();
    if (condition.type !== "i32" || a.type !== b.type) this.#fail(`${condition.type} ? ${a.type} : ${b.type}`);
    return select(condition as I32, a, b) as Typed;
  }

  #binary(least: number): Typed {
    let left = this.#unary();
    for (;;) {
      const symbol = this.#token.text;
      const operator = this.#token.kind === "symbol" ? BINARY_OPERATORS[symbol] : undefined;
      if (operator === undefined || operator.precedence <= least) return left;
      this.#at++;
      const right = this.#binary(operator.precedence);
      const value = binary(symbol, left, right);
      if (value === undefined) this.#fail(`${left.type} ${symbol} ${right.type}`);
      left = value;
    }
  }

  #unary(): Typed {
    for (const symbol of ["-", "~", "!"]) {
      if (!this.#accept(symbol)) continue;
      const operand = this.#unary();
      const value = unary(symbol, operand);
      if (value === undefined) this.#fail(`${symbol}${operand.type}`);
      return value;
    }
    if (this.#accept("(")) {
      const value = this.#expression();
      this.#expect(")");
      return value;
    }
    const { kind, text } = this.#token;
    if (kind === "number") {
      this.#at++;
      return text.endsWith("n") ? i64.const(BigInt(text.slice(0, -1))) : i32.const(Number(text));
    }
    const name = this.#name();
    if (this.#accept("(")) return this.#call(name);
    const local = this.#find(name);
    if (local !== undefined) return this.#code.get(local) as Typed;
    const constant = this.#constants[name];
    if (constant === undefined) this.#fail(`unknown name ${name}`);
    return typeof constant === "bigint" ? i64.const(constant) : i32.const(constant);
  }

  #call(name: string): Typed {
    // What begins a value has nothing to its left that its effects could come before.
    const [before, previous] = [this.#tokens[this.#at - 4]?.text, this.#tokens[this.#at - 3]?.text];
    const beginsValue = previous === "=" || previous === "return" || (previous === "(" && before === "if");
    const args = this.#arguments();
    const inline = this.#callees.inline.get(name);
    if (inline !== undefined) {
      const value = this.#inline(inline, args, this.#mustBePure || !beginsValue);
      if (value === undefined) this.#fail(`${name} gives no value`);
      return value;
    }
    const callee = this.#callees.functions.get(name);
    if (callee !== undefined) {
      if (this.#mustBePure) this.#fail(`${name} in an inline routine that is called within an expression`);
      this.#hasPendingCall = true;
      const [result] = callee.type.results;
      if (result === undefined) this.#fail(`${name} gives no value`);
      return this.#code.call(result, callee, ...args) as Typed;
    }
    const value = builtin(name, args);
    if (value === undefined) this.#fail(`unknown function ${name}(${args.map((a) => a.type).join(", ")})`);
    return value;
  }
  /** Emits the body of a routine in place of its call; its value is in a local. */
  #inline({ tokens, signature, constants }: InlineRoutine, args: readonly Typed[], pure: boolean): Typed | undefined {
    const { name, params } = signature;
    const fits = params.length === args.length && params.every((p, i) => p.type === args[i]?.type);
    if (!fits) this.#fail(`${name}(${args.map((a) => a.type).join(", ")})`);
    if (pure && this.#hasPendingCall) this.#fail(`${name} behind a call whose effects it would come before`);
    if (this.#inlineDepth === DEEPEST_INLINE) this.#fail(`${name} is inlined without end`);
    const locals = args.map((arg) => this.#assigned(arg));
    const result = signature.result === undefined ? undefined : this.#code.local(signature.result);
    const outer = [this.#tokens, this.#constants, this.#scopes, this.#loops, this.#at, this.#result] as const;
    const [inlined, mustBePure, hasPendingCall] = [this.#inlined, this.#mustBePure, this.#hasPendingCall];
    this.#inlineDepth++;
    this.#code.block((end) => {
      [this.#tokens, this.#constants, this.#loops, this.#at] = [tokens, constants, [], signature.body];
      this.#scopes = [new Map(params.map((p, i) => [p.name, locals[i] as Local]))];
      this.#result = signature.result;
      this.#inlined = { end, result };
      this.#mustBePure = pure;
      this.#block();
    });
    this.#inlineDepth--;
    [this.#tokens, this.#constants, this.#scopes, this.#loops, this.#at, this.#result] = outer;
    [this.#inlined, this.#mustBePure, this.#hasPendingCall] = [inlined, mustBePure, hasPendingCall];
    return result === undefined ? undefined : (this.#code.get(result) as Typed);
  }

  #assigned(value: Typed): Local<Type> {
    const local = this.#code.local(value.type);
    this.#code.set(local, value);
    return local;
  }
}
