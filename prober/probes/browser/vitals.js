// Core Web Vitals of one top-level document and its routes, by the rules of web-vitals v6: what is observed.
//
// The host joins vitals.js, loading.js and telling.js into one function, `start`, which runs before any script of the
// page. Nothing in it may throw into the page, nor rely on globals that the page may replace later. Times are
// milliseconds, null is "not measured".

if (window !== window.top || !window.__prober_vitals || window.__prober_flush) return;
if (!/^(https?|file):$/.test(location.protocol)) {
  // A popup's first document takes over the window of its blank one, and no script is run for it.
  if (window.opener && location.protocol === "about:") setTimeout(start, 10);
  return;
}
if (document.prerendering) {
  document.addEventListener("prerenderingchange", start, { once: true });
  return;
}

const INTERACTIONS_KEPT = 10, SHORTEST_EVENT_MS = 16, LONG_TASK_MS = 50, RECENT_KEPT = 50, TASKS_KEPT = 1000;
const now = performance.now.bind(performance), visit = `${performance.timeOrigin}:${Math.random()}`;
const supported = PerformanceObserver.supportedEntryTypes;

let current, hard, hiddenAt, fault = null;
let inputAt = Infinity, lastInput = null, resizedAt = Infinity;  // trusted input, the first and the last; resizing
let movedAt = 0, busyAt = 0;  // when a value last moved; when something last happened that may yet move one
const tasks = [], frames = [], recent = [], tallies = new Map();

const guarded = (work) => (...given) => {
  try { return work(...given); } catch (error) { fault ??= `${error}`; return undefined; }
};
const interactionCount = () => performance.interactionCount ?? current.slowest.size;

function begin(kind, url, id, start) {
  const before = current ? interactionCount() : 0;
  current = { kind, url, id, start, key: `${visit}:${id}`, fp: null, fcp: null, largest: null,
              cls: 0, session: null, shifts: 0, shiftSum: 0, worst: null, slowest: new Map(), before, errors: 0 };
  return current;
}

function moved(time) {
  movedAt = Math.max(movedAt, time);
  busyAt = Math.max(busyAt, time);
}

// A form's own fields hide its properties when they are called "id" or "parentElement".
const reader = (type, name) => {
  const { get } = Object.getOwnPropertyDescriptor(type.prototype, name);
  return (node) => get.call(node);
};
const parentOf = reader(Node, "parentElement"), tagOf = reader(Element, "tagName");
const idOf = reader(Element, "id"), classesOf = reader(Element, "classList");

const selector = guarded((node) => {
  const path = [];
  let at = !node || node instanceof Element ? node : parentOf(node);
  for (; at && path.length < 3; at = parentOf(at)) {
    if (path.length && /^(body|html)$/i.test(tagOf(at))) break;
    const own = idOf(at) ? [`#${idOf(at)}`] : [...classesOf(at)].slice(0, 2).map((name) => `.${name}`);
    path.unshift(tagOf(at).toLowerCase() + own.join(""));
    if (idOf(at)) break;
  }
  return path.join(" > ").slice(0, 120) || null;
});

function takeLargest(nav, paint, value) {
  const { element, id, url, size, startTime } = paint;
  nav.largest = { value: Math.max(value, 0), painted: startTime, tag: element ? tagOf(element) : null, size,
                  selector: selector(element) || (id ? `#${id}` : null), url: url || null };
  moved(startTime);
}

function takeRoutePaint(entry) {
  const paint = entry?.largestContentfulPaint;
  if (paint && paint.renderTime < hiddenAt) takeLargest(current, paint, paint.renderTime - current.start);
}

function takeEvent(entry) {
  // Events that waited for the same frame explain one another's time.
  const painted = entry.startTime + entry.duration;
  let frame = frames.findLast((known) => Math.abs(known.painted - painted) <= 8);
  if (!frame) frames.push(frame = { painted, from: Infinity, until: 0 });
  if (frames.length > RECENT_KEPT) frames.shift();
  frame.from = Math.min(frame.from, entry.processingStart);
  frame.until = Math.max(frame.until, entry.processingEnd);
  const { interactionId: id, name: event, duration, startTime } = entry;
  const known = current.slowest.get(id);
  if (!id || known?.duration >= duration) return;
  const target = selector(entry.target) || known?.target || null;
  current.slowest.set(id, { event, duration, startTime, target, frame });
}

function takeShift(entry) {
  // Mobile emulation flags every early shift as caused by input, also where nobody has touched the page.
  const causedAt = entry.lastInputTime ?? entry.startTime;
  if (entry.hadRecentInput && causedAt >= Math.min(inputAt, resizedAt) - 1) return;
  const { value, startTime } = entry, open = current.session;
  const joins = open && startTime - open.last < 1000 && startTime - open.first < 5000;
  current.session = joins ? open : { first: startTime, sum: 0 };
  current.session.last = startTime;
  current.session.sum += value;
  current.cls = Math.max(current.cls, current.session.sum);
  current.shifts += 1;
  current.shiftSum += value;
  moved(startTime);
  if (value <= (current.worst?.value ?? 0)) return;
  const area = ({ currentRect: rect }) => rect.width * rect.height;
  const [largest] = [...(entry.sources || [])].sort((one, other) => area(other) - area(one));
  current.worst = { value, at_ms: startTime - current.start, selector: selector(largest?.node) };
}

const take = {
  "paint"(entry) {
    const field = entry.name === "first-contentful-paint" ? "fcp" : "fp";
    if (entry.startTime < hiddenAt) hard[field] = sinceStart(entry.startTime);
  },
  "largest-contentful-paint"(entry) {
    if (entry.startTime < hiddenAt) takeLargest(hard, entry, sinceStart(entry.startTime));
  },
  "layout-shift": takeShift,
  "event": takeEvent,
  "first-input": takeEvent,
  "longtask"({ startTime, duration }) {
    busyAt = Math.max(busyAt, startTime + duration);
    if (startTime < inputAt || current.kind === "soft") moved(busyAt);
    if (tasks.length < TASKS_KEPT) tasks.push({ startTime, duration });
  },
  "soft-navigation"(entry) {
    tell();  // the last word of the navigation before
    const painted = entry.presentationTime || entry.paintTime;
    begin("soft", entry.name, entry.navigationId, entry.startTime);
    current.fcp = painted ? Math.max(painted - entry.startTime, 0) : null;
    current.interaction = entry.interactionId;
    hiddenAt = Infinity;
    moved(entry.startTime + entry.duration);
    takeRoutePaint(entry.getLargestInteractionContentfulPaint?.());
  },
  "interaction-contentful-paint"(entry) {
    if (current.kind === "soft" && entry.interactionId === current.interaction) takeRoutePaint(entry);
  },
  "resource"(entry) {
    const id = entry.navigationId ?? 0;
    if (!tallies.has(id)) tallies.set(id, emptyTally());
    addResource(tallies.get(id), entry);
    recent.push(entry);
    if (recent.length > RECENT_KEPT) recent.shift();
  },
};

const takeOne = guarded((entry) => take[entry.entryType](entry));
const deal = guarded((entries) => {
  // Entries of different types come out of order; sorted by their end is how web-vitals takes them.
  entries.sort((one, other) => one.startTime + one.duration - other.startTime - other.duration);
  entries.forEach(takeOne);
});
