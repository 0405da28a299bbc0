// One key for what is done often; the overlay lists them, and has the switch (WCAG 2.2, 2.1.4).
"use strict";
(() => {
  const help = document.querySelector("#keys");
  const opener = document.querySelector("[data-keys]");
  const lever = help.querySelector("[name=single]");
  const OFF = "postkeep-keys=off";
  const YEAR_SECONDS = 365 * 24 * 3600;

  const entries = () => [...document.querySelectorAll("li:not([hidden]) > .entry h2 a")];
  const types = (target) => target.isContentEditable || target.matches("input:not([type=radio]), textarea, select");

  // A key that writes no Latin letter, as on a Russian keyboard, counts for the one in the same place.
  const named = ({ key, code }) => (/^[^\x00-\x7f]$/.test(key) ? code.replace(/^Key/, "").toLowerCase() : key);

  function step(by) {
    const links = entries();
    const at = links.indexOf(document.activeElement);
    const next = at < 0 ? links[by > 0 ? 0 : links.length - 1] : links[at + by];
    next?.focus();
    next?.closest("li").scrollIntoView({ block: "nearest" });
  }

  function edit() {
    const chosen = entries().find((link) => link === document.activeElement);
    const here = document.querySelector("[data-key=e]");
    if (chosen) location.assign(`${chosen.href}/edit`);
    else if (here && here.checkVisibility()) here.click();
  }

  function find() {
    const field = document.querySelector("#q");
    if (field) {
      // Not every browser does the one with the other.
      field.focus();
      field.select();
    } else location.assign("/#q");
  }

  // A cookie, because logging out clears everything else that a browser keeps of a site.
  function remember() {
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `${OFF}; Path=/; SameSite=Lax; Max-Age=${lever.checked ? 0 : YEAR_SECONDS}${secure}`;
  }

  const doers = {
    n: () => location.assign("/posts/new"),
    j: () => step(1),
    k: () => step(-1),
    e: edit,
    u: () => document.querySelector("[data-undo]:not([hidden]) button:not([hidden])")?.click(),
    "/": find,
    "?": () => help.showModal(),
  };

  document.addEventListener("keydown", (event) => {
    const taken = event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented;
    const key = named(event);
    if (taken || !lever.checked || help.open || types(event.target) || !Object.hasOwn(doers, key)) return;
    event.preventDefault();
    doers[key]();
  });
  lever.checked = !document.cookie.split("; ").includes(OFF);
  lever.addEventListener("change", remember);
  opener.hidden = false;
  opener.addEventListener("click", () => help.showModal());
  help.addEventListener("click", ({ target }) => target === help && help.close());
})();
