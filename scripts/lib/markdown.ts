/** A relative link of a markdown text: `[text](path#anchor)`. */
export interface Link {
  readonly line: number;
  /** Empty for a link within the page. */
  readonly path: string;
  readonly anchor: string;
}

const LINK = /\[[^\]]*\]\(<?([^)\s>]+)>?[^)]*\)/g;

/** Lines of the text with the content of fenced code blocks emptied, so that line numbers stay. */
function withoutFences(markdown: string): string[] {
  let inside = false;
  return markdown.split("\n").map((line) => {
    if (/^\s*(```|~~~)/.test(line)) {
      inside = !inside;
      return "";
    }
    return inside ? "" : line;
  });
}

/** The relative links of a text; links with a scheme (`https:`, `mailto:`) are not looked at. */
export function relativeLinks(markdown: string): Link[] {
  const links: Link[] = [];
  withoutFences(markdown).forEach((line, index) => {
    for (const match of line.replace(/`[^`]*`/g, "").matchAll(LINK)) {
      const target = match[1] as string;
      if (/^[a-z][a-z0-9+.-]*:/i.test(target)) continue;
      const [path = "", anchor = ""] = target.split("#");
      links.push({ line: index + 1, path: decodeURIComponent(path), anchor });
    }
  });
  return links;
}

/** The anchors that a forge makes of the headings: lower case, punctuation dropped, spaces as hyphens. */
export function anchors(markdown: string): Set<string> {
  const found = new Set<string>();
  for (const line of withoutFences(markdown)) {
    const heading = /^#{1,6}\s+(.*?)\s*#*$/.exec(line)?.[1];
    if (heading === undefined) continue;
    const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
    found.add(text.replace(/[^\p{L}\p{N}\s_-]/gu, "").replace(/\s/g, "-"));
  }
  return found;
}

/** A runnable example: the code of a `ts` block and the `text` block that directly follows it. */
export interface Example {
  /** Line of the opening fence. */
  readonly line: number;
  readonly code: string;
  readonly output: string;
}

const EXAMPLE = /^```ts\n((?:(?!```).*\n)*)```\n\s*^```text\n((?:(?!```).*\n)*)```$/gm;

/** The examples of a README. A `ts` block without output is a fragment and is not run. */
export function examples(markdown: string): Example[] {
  return [...markdown.matchAll(EXAMPLE)].map((match) => ({
    line: markdown.slice(0, match.index).split("\n").length,
    code: match[1] as string,
    output: match[2] as string,
  }));
}
