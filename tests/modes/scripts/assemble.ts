import { writeFileSync } from "node:fs";
import { assemble, formatImage, imagePath, PROGRAMS } from "../src/programs.ts";

/** Assembles every program with nasm and writes its image beside its source. */
for (const name of Object.keys(PROGRAMS)) {
  const image = assemble(name);
  writeFileSync(imagePath(name), formatImage(image));
  console.log(`${name}: ${image.length} bytes`);
}
