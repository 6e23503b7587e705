/* Nothing here is needed to read a page: it only keeps it fresh and says what time it is where the reader is. */
"use strict";
(() => {
  const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
  document.addEventListener("pointerover", (event) => {
    const time = event.target.closest?.("time[datetime]");
    if (time && !time.title) time.title = `${local.format(new Date(time.dateTime))} where you are`;
  });

  /* Charts: what the table says of the moment that is pointed at. */
  for (const figure of document.querySelectorAll("[data-chart]")) {
    const svg = figure.querySelector(".chart");
    const cursor = svg.querySelector(".cursor");
    const readout = figure.querySelector(".readout");
    const rows = [...figure.querySelectorAll(".points tbody tr")];
    const starts = rows.map((row) => Date.parse(row.querySelector("time").dateTime));
    const [since, until] = [Number(figure.dataset.since), Number(figure.dataset.until)].map((at) => at * 1_000);
    const heads = [...figure.querySelectorAll(".points thead th")].map((head) => head.textContent);
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const share = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
      const at = since + share * (until - since);
      const cells = [...rows[Math.max(0, starts.findLastIndex((start) => start <= at))].children];
      const x = `${(share * 100).toFixed(2)}%`;
      cursor.setAttribute("x1", x);
      cursor.setAttribute("x2", x);
      const figures = cells.slice(1, 5).map((cell, index) => `${heads[index + 1].toLowerCase()} ${cell.textContent}`);
      readout.textContent = `${cells[0].textContent} · ${figures.join(" · ")}`;
    });
    svg.addEventListener("pointerleave", () => {
      for (const end of ["x1", "x2"]) cursor.setAttribute(end, "-10");
      readout.textContent = "";
    });
  }

  const load = async () => {
    const answer = await fetch(location.href, { cache: "no-store" });
    if (!answer.ok) throw new Error(answer.status);
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  };

  /* A part that is asked for anew now and then, unless somebody is in it or the page is not looked at. */
  const part = document.querySelector("[data-refresh]");
  if (part) {
    setInterval(async () => {
      const now = document.getElementById(part.id);
      if (document.hidden || now.contains(document.activeElement)) return;
      try {
        now.replaceWith(document.adoptNode((await load()).getElementById(part.id)));
      } catch {
        now.classList.add("old");
      }
    }, part.dataset.refresh * 1_000);
  }

  const live = document.querySelector("[data-events]");
  if (!live || !window.EventSource) return;
  const AGAIN_MS = 30_000;
  const id = (name) => document.getElementById(name);

  const say = (word, fine) => {
    live.textContent = word;
    live.classList.toggle("live", fine);
  };

  /* Markup of the server's own, which has escaped what others wrote; the policy lets no script in it run. */
  const fill = (element, html) => {
    element.innerHTML = html;
  };

  const swap = (check, html) => {
    const before = id(`c-${check}`);
    if (!before) return; // not among those that were asked for
    const focused = before.contains(document.activeElement);
    const holder = document.createElement("tbody");
    fill(holder, html);
    const row = holder.firstElementChild;
    row.classList.add("fresh");
    before.replaceWith(row);
    if (focused) row.querySelector("a")?.focus();
  };

  const show = (news) => {
    if (news.again) return again();
    for (const [check, html] of Object.entries(news.rows ?? {})) swap(check, html);
    if (news.counts !== undefined) fill(id("counts"), news.counts);
    if (news.title) document.title = `${news.title} · prober`;
    if (news.incidents === undefined) return;
    fill(id("incidents"), news.incidents);
    id("open").hidden = !news.incidents;
  };

  let stream;
  const again = async () => {
    stream?.close();
    try {
      const page = await load();
      for (const part of ["counts", "open", "board"]) id(part).replaceWith(document.adoptNode(page.getElementById(part)));
      document.title = page.title;
      live.dataset.events = page.querySelector("[data-events]").dataset.events;
      follow();
    } catch {
      say("Not connected: what is shown may be old", false);
      setTimeout(again, AGAIN_MS);
    }
  };

  const follow = () => {
    stream = new EventSource(live.dataset.events);
    stream.onopen = () => say("Live", true);
    stream.onmessage = (event) => show(JSON.parse(event.data));
    stream.onerror = () => {
      say("Not connected: what is shown may be old", false);
      if (stream.readyState === EventSource.CLOSED) setTimeout(again, AGAIN_MS);
    };
  };
  follow();
  addEventListener("pagehide", () => stream.close());
  addEventListener("pageshow", (event) => event.persisted && again());
})();
