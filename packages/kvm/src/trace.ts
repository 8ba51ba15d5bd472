export type { ControlWords, KvmTraceEvent, TdpMapEvent, TraceEvent, TraceSink } from "./trace-events.ts";
export { renderJson } from "./trace-json.ts";
export { renderLog } from "./trace-log.ts";
