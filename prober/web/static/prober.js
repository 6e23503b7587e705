/* Nothing here is needed to read a page: it only keeps it fresh and says what time it is where the reader is. */
"use strict";
(() => {
  const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  document.addEventListener("pointerover", (event) => {
    const time = event.target.closest?.("time[datetime]");
    if (time && !time.title) time.title = `${local.format(new Date(time.dateTime))} here · ${time.dateTime}`;
  });
})();
