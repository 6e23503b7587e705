// Core Web Vitals and timings of one top-level document, by the rules of web-vitals v6.
//
// Everything known of a navigation is sent each time it changes (at most every 100 ms), numbered, under the
// navigation's own key; the host keeps the highest number. Times are milliseconds, null is "not measured".
(function start() {
  "use strict";
  const bind = window.__prober_vitals;
  if (window !== window.top || !bind || window.__prober_flush) return;
  if (!/^(https?|file):$/.test(location.protocol)) {
    // A popup's first document takes over the window of its blank one, and no script is run for it.
    if (window.opener && location.protocol === "about:") setTimeout(start, 10);
    return;
  }

  const MESSAGE_MS = 100, INTERACTIONS_KEPT = 10, SHORTEST_EVENT_MS = 16, LONG_TASK_MS = 50;
  const observers = [], tasks = [];
  let inputAt = Infinity;  // the first trusted input
  let hiddenAt = document.visibilityState === "hidden" && !document.prerendering ? 0 : Infinity;
  let busyAt = 0;          // when something last happened that may still move a value
  let number = 0, timer = 0;

  const interactionCount = () => performance.interactionCount || 0;
  const started = (kind, url, id, start) => ({
    kind, url, key: `${performance.timeOrigin}:${id}`, start, paints: {}, lcp: null, entry: null,
    cls: 0, window: null, shifts: 0, worst: null, slowest: new Map(), before: interactionCount(),
  });
  const documentEntry = () => performance.getEntriesByType("navigation")[0];
  const hard = started("hard", documentEntry()?.name || location.href, 0, 0);
  let current = hard;

  // The values of a prerendered page count from its activation.
  const sinceStart = (time) => Math.max(time - (documentEntry()?.activationStart || 0), 0);

  function describe(element) {
    if (!element || !element.tagName) return null;
    const id = element.id ? `#${element.id}` : "";
    const classes = [...(element.classList || [])].slice(0, 3).map((name) => `.${name}`).join("");
    return `${element.tagName.toLowerCase()}${id}${classes}`.slice(0, 120);
  }

  function observe(type, take, options = {}) {
    if (!PerformanceObserver.supportedEntryTypes.includes(type)) return;
    const observer = new PerformanceObserver((list) => { list.getEntries().forEach(take); sendSoon(); });
    observer.observe({ type, buffered: true, ...options });
    observers.push([observer, take]);
  }

  observe("paint", (entry) => {
    if (entry.startTime < hiddenAt) hard.paints[entry.name] = sinceStart(entry.startTime);
  });

  observe("largest-contentful-paint", (entry) => {
    if (entry.startTime >= hiddenAt) return;
    busyAt = Math.max(busyAt, entry.startTime);
    hard.lcp = sinceStart(entry.startTime);
    hard.entry = { tag: entry.element?.tagName || null, selector: describe(entry.element) || entry.id || null,
                   url: entry.url.slice(0, 300), size: entry.size };
  });

  observe("layout-shift", (entry) => {
    // Mobile emulation flags every early shift as caused by input, also where nobody has touched the page.
    if (entry.hadRecentInput && entry.startTime >= inputAt) return;
    const open = current.window;
    const joins = open && entry.startTime - open.last < 1000 && entry.startTime - open.first < 5000;
    current.window = joins ? open : { first: entry.startTime, sum: 0 };
    current.window.last = entry.startTime;
    current.window.sum += entry.value;
    current.cls = Math.max(current.cls, current.window.sum);
    current.shifts += entry.value;
    busyAt = Math.max(busyAt, entry.startTime);
    if (!current.worst || entry.value > current.worst.value) {
      current.worst = { value: entry.value, selector: describe(entry.sources?.[0]?.node) };
    }
  });

  function takeEvent(entry) {
    if (!entry.interactionId) return;
    const known = current.slowest.get(entry.interactionId);
    const processing = entry.processingEnd - entry.processingStart;
    // One interaction is several events that wait for the same frame; the one that kept it busy explains it.
    const told = known && known.processing_ms >= processing ? known : {
      event: entry.name, target: describe(entry.target), processing_ms: processing,
      input_delay_ms: entry.processingStart - entry.startTime,
      presentation_ms: Math.max(entry.startTime + entry.duration - entry.processingEnd, 0),
    };
    const duration = Math.max(entry.duration, known?.duration || 0);
    current.slowest.set(entry.interactionId, { ...told, duration });
  }
  observe("event", takeEvent, { durationThreshold: SHORTEST_EVENT_MS });
  observe("first-input", takeEvent);

  observe("longtask", (entry) => {
    busyAt = Math.max(busyAt, entry.startTime + entry.duration);
    if (tasks.length < 1000) tasks.push([entry.startTime, entry.duration]);
  });

  observe("soft-navigation", (entry) => {
    send();  // the last word of the navigation before
    current = started("soft", entry.name, entry.navigationId, entry.startTime);
    current.soft = entry;
    busyAt = Math.max(busyAt, entry.startTime + entry.duration);
    const painted = entry.presentationTime || entry.paintTime;
    if (painted) current.paints["first-contentful-paint"] = Math.max(painted - entry.startTime, 0);
  });
  observe("interaction-contentful-paint", () => {});  // its values are read from the soft navigation's entry

  function takeSoftPaint(nav) {
    const paint = nav.soft?.getLargestInteractionContentfulPaint?.()?.largestContentfulPaint;
    if (!paint) return;
    nav.lcp = Math.max(paint.renderTime - nav.start, 0);
    nav.entry = { tag: paint.element?.tagName || null, selector: describe(paint.element), size: paint.size };
  }

  function interaction(nav) {
    // The 98th percentile, by dropping one interaction in fifty.
    const count = interactionCount() - nav.before;
    const slow = [...nav.slowest.values()].sort((a, b) => b.duration - a.duration).slice(0, INTERACTIONS_KEPT);
    if (slow.length) return { count, ...slow[Math.min(slow.length - 1, Math.floor(count / 50))] };
    return nav.soft && count > 0 ? { count, duration: SHORTEST_EVENT_MS / 2 } : null;  // all shorter than is told
  }

  function blockingTime(nav) {
    const from = nav.kind === "soft" ? nav.start : nav.paints["first-contentful-paint"];
    if (from === undefined) return null;
    const until = nav.kind === "soft" ? Infinity : inputAt;
    return tasks.filter(([start, length]) => start + length > from && start < until)
      .reduce((sum, [start, length]) => sum + Math.max(start + length - Math.max(start, from) - LONG_TASK_MS, 0), 0);
  }

  function timings(entry) {
    // A value of 0 in these entries means "did not happen", or not yet.
    const between = (from, to) => (from > 0 && to > 0 ? Math.max(to - from, 0) : null);
    const at = (time) => (time > 0 ? sinceStart(time) : null);
    const secure = entry.secureConnectionStart;
    return {
      redirect: entry.redirectCount ? between(entry.redirectStart, entry.redirectEnd) : null,
      dns_lookup: between(entry.domainLookupStart, entry.domainLookupEnd),
      tcp_connect: between(entry.connectStart, secure > 0 ? secure : entry.connectEnd),
      tls: between(secure, entry.connectEnd),
      request_wait: between(entry.requestStart, entry.responseStart),
      download: between(entry.responseStart, entry.responseEnd),
      request_response: between(entry.requestStart, entry.responseEnd),
      dom_interactive: at(entry.domInteractive),
      dom_content_loaded: at(entry.domContentLoadedEventEnd),
      dom_complete: at(entry.domComplete),
      dom_processing: between(entry.responseEnd, entry.domComplete),
      total_load_time: at(entry.loadEventEnd),
    };
  }

  function state(nav) {
    const entry = nav.kind === "hard" ? documentEntry() : null;
    const answered = entry && entry.responseStart > 0 && entry.responseStart < performance.now();
    const paint = (name) => nav.paints[name] ?? null;
    const slowest = interaction(nav);
    takeSoftPaint(nav);
    return {
      key: nav.key, number: ++number, kind: nav.kind, url: nav.url,
      age: performance.now() - nav.start,
      quiet: documentEntry()?.loadEventEnd > 0
        ? performance.now() - Math.max(busyAt, documentEntry().loadEventEnd) : null,
      ttfb: entry ? (answered ? sinceStart(entry.responseStart) : null) : 0,
      fp: paint("first-paint"), fcp: paint("first-contentful-paint"),
      lcp: nav.lcp, lcp_element: nav.entry?.tag ?? null,
      cls: nav.kind === "soft" || paint("first-contentful-paint") !== null ? nav.cls : null,
      inp: slowest ? slowest.duration : null,
      tbt: blockingTime(nav),
      timings: entry ? timings(entry) : {},
      detail: { lcp: nav.entry, inp: slowest && { ...slowest, duration: undefined }, shifts: nav.shifts, worst_shift: nav.worst,
                protocol: entry?.nextHopProtocol || null, status: entry?.responseStatus || null,
                connection_reused: entry ? entry.connectEnd === entry.connectStart : null },
    };
  }

  function send() {
    // A page that is being closed refuses the message; that must not look like an error of the page.
    try { Promise.resolve(bind(JSON.stringify(state(current)))).catch(() => {}); } catch { /* closed */ }
  }
  function sendSoon() {
    if (!timer) timer = setTimeout(() => { timer = 0; send(); }, MESSAGE_MS);
  }
  function flush() {
    for (const [observer, take] of observers) observer.takeRecords().forEach(take);
    send();
  }

  for (const type of ["keydown", "pointerdown", "click"]) {
    addEventListener(type, (event) => { if (event.isTrusted) inputAt = Math.min(inputAt, event.timeStamp); }, true);
  }
  addEventListener("load", () => setTimeout(sendSoon), true);  // loadEventEnd is known a task later
  addEventListener("beforeunload", flush, true);  // the last event of a left page whose message still arrives
  addEventListener("pagehide", flush, true);      // arrives when the context closes
  addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "hidden") return;
    hiddenAt = Math.min(hiddenAt, performance.now());
    flush();
  }, true);

  // For the host: the entries of an input exist once its frame was painted, two frames later.
  const frame = () => new Promise(requestAnimationFrame);
  Object.defineProperty(window, "__prober_flush", { value: async () => { await frame(); await frame(); flush(); } });
  Object.defineProperty(window, "__prober_quiet", { value: () => state(current).quiet });
  send();  // the page was reached, whatever becomes of it
})();
