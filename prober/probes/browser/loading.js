// What was loaded, and how long that took: the document's own timings, and a tally of its resources.
//
// A 0 in these entries means that it did not happen, has not yet, or may not be told: null, to us.

const entriesOf = performance.getEntriesByType.bind(performance);
const namedEntries = performance.getEntriesByName.bind(performance);
const documentEntry = () => entriesOf("navigation")[0];
const activation = () => documentEntry()?.activationStart || 0;  // a prerendered page counts from when it is shown
const sinceStart = (time) => Math.max(time - activation(), 0);
const between = (from, to) => (from > 0 && to > 0 ? Math.max(to - from, 0) : null);

function firstByte() {
  const at = documentEntry()?.responseStart;
  return at > 0 && at < now() ? sinceStart(at) : null;
}

function timings(entry) {
  const at = (time) => (time > 0 ? sinceStart(time) : null);
  const secure = entry.secureConnectionStart;
  return {
    redirect: entry.redirectCount ? between(entry.redirectStart, entry.redirectEnd) : null,
    service_worker: between(entry.workerStart, entry.fetchStart),
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

function documentFacts(entry) {
  return {
    type: activation() ? "prerender" : entry.type, status: entry.responseStatus || null,
    protocol: entry.nextHopProtocol || null, redirects: entry.redirectCount,
    connection_reused: entry.responseStart > 0 ? entry.connectEnd === entry.connectStart : null,
    transfer_bytes: entry.transferSize || null, body_bytes: entry.encodedBodySize || null,
    decoded_bytes: entry.decodedBodySize || null, activation_ms: activation() || null,
  };
}

// The parts of the largest paint, as web-vitals attributes them; together they are its value.
function largestParts(nav) {
  const { url, painted, value } = nav.largest;
  const requestedAt = (entry) => entry.requestStart || entry.startTime;
  const painter = (entry) => entry.name === url && requestedAt(entry) <= painted;
  const entry = url ? recent.findLast(painter) || namedEntries(url, "resource").findLast(painter) : null;
  const zero = nav.kind === "soft" ? nav.start : activation();
  const answered = nav.kind === "soft" ? 0 : firstByte();
  if (answered === null) return {};
  const requested = Math.max(answered, entry ? requestedAt(entry) - zero : 0);
  const loaded = Math.min(value, Math.max(requested, entry ? entry.responseEnd - zero : 0));
  return { ttfb_ms: answered, load_delay_ms: requested - answered, load_time_ms: loaded - requested,
           render_delay_ms: value - loaded };
}

const BY_CONTENT = [[/^image\//, "image"], [/^font\/|[/-]font/, "font"], [/^text\/css/, "stylesheet"],
                    [/(java|ecma)script/, "script"], [/^(audio|video)\//, "media"]];
const BY_INITIATOR = { img: "image", image: "image", input: "image", script: "script", iframe: "document",
                       frame: "document", audio: "media", video: "media", track: "media" };
const LIKELY = { link: "stylesheet", css: "image" };

function resourceType({ initiatorType, contentType }) {
  if (/^(fetch|xmlhttprequest|beacon)$/.test(initiatorType)) return "fetch";
  const known = BY_CONTENT.find(([pattern]) => pattern.test(contentType || ""));
  return BY_INITIATOR[initiatorType] || known?.[1] || LIKELY[initiatorType] || "other";
}

function thirdParty(url) {
  // Without a list of public suffixes: shop.example, shop.co.example (short names before a country's) are one party.
  const home = location.hostname, host = new URL(url, location.href).hostname;
  if (!host || host === home || /^[\d.]+$|:/.test(home)) return Boolean(host) && host !== home;
  const labels = home.split(".");
  const party = labels.slice(/^\w{1,3}\.\w\w$/.test(labels.slice(-2).join(".")) ? -3 : -2).join(".");
  return host !== party && !host.endsWith(`.${party}`);
}

const nothing = () => ({ count: 0, bytes: 0, unsized: 0 });
const emptyTally = () => ({ all: nothing(), first_party: nothing(), third_party: nothing(), types: Object.create(null),
                            render_blocking: 0, refused: 0 });

function addResource(tally, entry) {
  // A stranger that sends no Timing-Allow-Origin tells no size; an answer from the cache took none.
  const sized = entry.transferSize > 0 || entry.encodedBodySize > 0 || entry.deliveryType === "cache";
  const type = resourceType(entry);
  tally.types[type] ??= nothing();
  for (const sum of [tally.all, tally.types[type], thirdParty(entry.name) ? tally.third_party : tally.first_party]) {
    sum.count += 1;
    sum.bytes += entry.transferSize;
    sum.unsized += sized ? 0 : 1;
  }
  tally.render_blocking += entry.renderBlockingStatus === "blocking" ? 1 : 0;
  tally.refused += entry.responseStatus >= 400 ? 1 : 0;
}

function resources(nav) {
  const tally = tallies.get(nav.id) || emptyTally();
  const shown = ({ count, bytes, unsized }) => ({ count, bytes: count && count === unsized ? null : bytes, unsized });
  const types = {};
  for (const type of Object.keys(tally.types)) types[type] = shown(tally.types[type]);
  return { ...shown(tally.all), first_party: shown(tally.first_party), third_party: shown(tally.third_party), types,
           render_blocking: tally.render_blocking, refused: tally.refused };
}
