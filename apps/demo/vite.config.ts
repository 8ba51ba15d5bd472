import { defaultClientConditions, defineConfig } from "vite";

export default defineConfig({
  base: "./",
  // The packages' sources, as everywhere else in the repository.
  resolve: { conditions: ["@likex/source", ...defaultClientConditions] },
  worker: { format: "es" },
  build: { target: "es2022" },
});
