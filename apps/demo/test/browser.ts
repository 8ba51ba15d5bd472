import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium, type Page } from "playwright-core";
import { build, preview } from "vite";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

const CANDIDATES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** The installed Chromium; `CHROMIUM` names one elsewhere. */
export const chromiumPath: string | undefined = [process.env.CHROMIUM ?? "", ...CANDIDATES].find(
  (path) => path !== "" && existsSync(path),
);

export interface Demo {
  readonly page: Page;
  /** Errors that the page reported. */
  readonly problems: readonly string[];
  close(): Promise<void>;
}

/** Builds the page, serves the build, and opens it. */
export async function openDemo(executablePath: string): Promise<Demo> {
  const outDir = await mkdtemp(join(tmpdir(), "likex-demo-"));
  await build({ root: ROOT, logLevel: "error", build: { outDir, emptyOutDir: true } });
  const server = await preview({
    root: ROOT,
    logLevel: "error",
    build: { outDir },
    preview: { port: 0, host: "127.0.0.1" },
  });
  // In a container there is neither a user namespace for the sandbox nor a large /dev/shm.
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
  const page = await browser.newPage();
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(message.text());
  });
  await page.goto(server.resolvedUrls?.local[0] ?? "");
  return {
    page,
    problems,
    async close() {
      await browser.close();
      await server.close();
      await rm(outDir, { recursive: true });
    },
  };
}
