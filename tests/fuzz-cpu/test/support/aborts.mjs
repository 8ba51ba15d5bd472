import { writeSync } from "node:fs";

writeSync(3, "8\n");
process.kill(process.pid, "SIGKILL");
