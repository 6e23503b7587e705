// How the host is told: the whole state of a navigation each time it changes, at most every 250 ms, numbered, under the
// navigation's own key. The host keeps the highest number.

const MESSAGE_MS = 250, LOADING_MS = 500, PAINTED_FRAMES = 12, INPUT_FRAMES = 3;
const bind = window.__prober_vitals, { stringify } = JSON;
const { setTimeout: later, requestAnimationFrame: beforeFrame, addEventListener: hear } = window;
let number = 0, timer = 0, unpainted = 0, leftAt = null, observer, known = null;

function interaction(nav) {
  // The 98th percentile, by dropping one interaction in fifty.
  const count = interactionCount() - nav.before;
  const slowest = [...nav.slowest.values()].sort((one, other) => other.duration - one.duration);
  const told = slowest[Math.min(slowest.length - 1, INTERACTIONS_KEPT - 1, Math.floor(count / 50))];
  if (!told) return nav.kind === "soft" && count > 0 ? { value: SHORTEST_EVENT_MS / 2, interactions: count } : null;
  const { event, target, duration, startTime, frame } = told;
  const from = Math.max(frame.from, startTime), painted = Math.max(startTime + duration, from);
  const until = Math.min(frame.until, painted);
  return { value: duration, interactions: count, event, target, input_delay_ms: from - startTime,
           processing_ms: until - from, presentation_ms: painted - until };
}

// Main-thread time beyond 50 ms per long task; a document's counts from its first content until the first input.
function longTasks(nav) {
  if (!supported.includes("longtask")) return { tbt: null, long_tasks: null, longest_task_ms: null };
  const from = nav.kind === "soft" ? nav.start : nav.fcp, until = nav.kind === "soft" ? Infinity : inputAt;
  const own = tasks.filter((task) => task.startTime + task.duration > nav.start);
  let tbt = from === null ? null : 0;
  for (const { startTime, duration } of own) {
    if (from === null || startTime >= until) continue;
    tbt += Math.max(startTime + duration - Math.max(startTime, from) - LONG_TASK_MS, 0);
  }
  const longest = own.length ? Math.max(...own.map((task) => task.duration)) : null;
  return { tbt, long_tasks: own.length, longest_task_ms: longest };
}

function stillFor(since) {
  const loaded = documentEntry()?.loadEventEnd;
  const awaited = document.fonts?.status === "loading"
    || [...document.images].some((image) => !image.complete && image.loading !== "lazy");
  return loaded > 0 && !awaited ? now() - Math.max(since, loaded) : null;
}

function state(nav) {
  const entry = nav.kind === "hard" ? documentEntry() : null;
  const { value: inp = null, ...slowest } = interaction(nav) ?? {};
  const { value: lcp = null, tag = null, painted, ...largest } = nav.largest ?? {};
  const { tbt, ...longest } = longTasks(nav);
  const shifting = supported.includes("layout-shift") && (nav.kind === "soft" || nav.fcp !== null);
  return {
    key: nav.key, number: ++number, kind: nav.kind, url: nav.url, age: now() - nav.start, still: stillFor(movedAt),
    ttfb: nav.kind === "hard" ? firstByte() : 0, fp: nav.fp, fcp: nav.fcp, lcp, lcp_element: tag,
    cls: shifting ? nav.cls : null, inp, tbt, timings: entry ? timings(entry) : {},
    detail: {
      ...(entry ? documentFacts(entry) : {}),
      lcp: lcp === null ? null : { tag, ...largest, ...largestParts(nav) },
      inp: inp === null ? null : slowest,
      shifts: shifting ? nav.shifts : null, shift_sum: shifting ? nav.shiftSum : null, worst_shift: nav.worst,
      ...longest, page_errors: nav.errors, resources: resources(nav),
      first_hidden_ms: Number.isFinite(hiddenAt) ? hiddenAt - nav.start : null,
      left_ms: leftAt === null ? null : leftAt - nav.start,
      left_after_input_ms: leftAt === null || lastInput === null ? null : leftAt - lastInput, fault,
    },
  };
}

const tell = guarded(() => {
  listen();
  known = guarded(state)(current) ?? { ...known, number: ++number, detail: { ...known?.detail, fault } };
  // Old libraries teach arrays a toJSON that breaks the driver's own messages.
  const { toJSON } = Array.prototype;
  delete Array.prototype.toJSON;
  // A page that is being closed refuses the message; that must not look like an error of the page.
  bind(stringify(known))?.catch?.(() => {});
  if (toJSON) Array.prototype.toJSON = toJSON;
});
function tellSoon() {
  if (leftAt !== null) tell();  // any message may be the last one to arrive
  else timer ||= later(() => { timer = 0; tell(); }, MESSAGE_MS);
}
const flush = guarded(() => { deal(observer.takeRecords()); tell(); });
const leave = guarded(() => { leftAt = now(); flush(); });
const onInput = guarded((event) => {
  if (!event.isTrusted) return;
  inputAt = Math.min(inputAt, event.timeStamp);
  lastInput = event.timeStamp;
  busyAt = Math.max(busyAt, lastInput);
  if (!unpainted) beforeFrame(painted);
  unpainted = INPUT_FRAMES;
});
const painted = () => { if (unpainted -= 1) beforeFrame(painted); };
const onResize = guarded((event) => {  // while it loads, a page is resized by the emulation that sets its viewport up
  if (stillFor(0) > LOADING_MS) resizedAt = Math.min(resizedAt, event.timeStamp);
});
const onHidden = guarded((event) => {
  if (document.visibilityState !== "hidden") return;
  hiddenAt = Math.min(hiddenAt, event.timeStamp);
  flush();
});
const onError = guarded((event) => {  // an element whose resource did not load has neither message nor promise
  current.errors += "message" in event || "promise" in event ? 1 : 0;
});
const onLoad = guarded(() => later(tellSoon));  // loadEventEnd is known a task later

// Again with every message, where it does nothing: document.open() removes all listeners of a window.
function listen() {
  for (const type of ["keydown", "pointerdown", "click"]) hear(type, onInput, true);
  for (const type of ["error", "unhandledrejection"]) hear(type, onError, true);
  hear("resize", onResize, true);
  hear("load", onLoad, true);
  hear("beforeunload", leave, true);  // the last event of a left page whose message still arrives
  hear("pagehide", flush, true);      // arrives when the context closes
  hear("visibilitychange", onHidden, true);
}

const begun = guarded(() => {
  const { name: url, navigationId: id } = documentEntry() ?? {};
  hard = begin("hard", url || location.href, id ?? 0, 0);
  const hidden = ({ name, startTime }) => name === "hidden" && startTime >= activation();
  const sinceBegin = document.visibilityState === "hidden" ? 0 : Infinity;
  hiddenAt = entriesOf("visibility-state").find(hidden)?.startTime ?? sinceBegin;
  observer = new PerformanceObserver((list) => { deal(list.getEntries()); tellSoon(); });
  for (const type of supported.filter((name) => name in take)) {
    observer.observe({ type, buffered: true, durationThreshold: SHORTEST_EVENT_MS });
  }
  tell();  // the page was reached, whatever becomes of it
});
begun();

// For the host: the entries of an input exist once its frame was painted, two frames later; those of a first paint can
// take longer.
const { Promise: Later } = window;
const frame = () => new Later((done) => { beforeFrame(done); });
const flushPainted = async () => {
  const enough = () => (hard.fcp === null ? PAINTED_FRAMES : unpainted && INPUT_FRAMES);
  for (let frames = 0; frames < enough() && document.visibilityState === "visible"; frames += 1) await frame();
  flush();
};
Object.defineProperty(window, "__prober_flush", { value: flushPainted });
// Resolves once nothing that may move a value has happened for so long; who asks must not wait for ever.
const still = async (quiet) => {
  for (let since = stillFor(busyAt); !(since >= quiet); since = stillFor(busyAt)) {
    await new Later((done) => { later(done, since === null ? quiet / 5 : Math.max(quiet - since, quiet / 10)); });
  }
  flush();
  return true;
};
Object.defineProperty(window, "__prober_still", { value: still });
