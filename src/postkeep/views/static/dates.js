// Times by the reader's own clock. The server writes them by everybody's (UTC), which stays as the hint.
"use strict";
(() => {
  const format = new Intl.DateTimeFormat(document.documentElement.lang, {
    year: "numeric",
    month: "long",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });

  // In the shape that the server gives them, so that nothing moves.
  function local(moment) {
    const parts = Object.fromEntries(format.formatToParts(moment).map(({ type, value }) => [type, value]));
    return `${parts.day}\u00a0${parts.month} ${parts.year}, ${parts.hour}:${parts.minute}`;
  }

  function rewrite() {
    for (const time of document.querySelectorAll("time:not([title])")) {
      time.title = time.textContent.trim();
      time.textContent = local(new Date(time.dateTime));
    }
  }

  // Lists and sheets change without a new page.
  new MutationObserver(rewrite).observe(document.querySelector("main"), { childList: true, subtree: true });
  rewrite();
})();
