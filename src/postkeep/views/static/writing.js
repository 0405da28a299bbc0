// Nothing typed is lost: what is on the sheet stays in this browser until it is saved, whatever comes in between.
"use strict";
(() => {
  const KEPT_AFTER_MS = 300;
  const PREVIEWED_BYTES = 64 * 1024;
  const OURS = "postkeep:draft:";
  const ACCOUNT = "postkeep:account";

  const encoder = new TextEncoder();
  let timer = 0;
  // The name of the draft that is on this sheet, once there is one.
  let kept = "";

  const account = () => document.body.dataset.account;
  const sheet = () => document.querySelector("form[data-draft]");
  const prefix = (id) => `${OURS}${account()}:${id}:`;
  const size = (text) => encoder.encode(text).length;

  // A browser may be told to keep nothing, or be full: then everything but the drafts goes on.
  function attempt(work) {
    try {
      return work(localStorage);
    } catch {
      return undefined;
    }
  }

  // Nobody else at this browser is to see a draft, and no tab from before may bring one back.
  function moveIn() {
    const own = `${OURS}${account()}:`;
    attempt((storage) => {
      clear(storage, (name) => name.startsWith(OURS) && !name.startsWith(own));
      storage.setItem(ACCOUNT, account());
    });
  }

  function clear(storage, goes) {
    for (const name of Object.keys(storage)) if (goes(name)) storage.removeItem(name);
  }

  function values(form) {
    const { title, text, status, version } = form.elements;
    return { title: title.value, text: text.value, status: status.value, version: version?.value ?? "0" };
  }

  function differs(form) {
    const { title, text, status } = form.elements;
    const chosen = [...status].some((radio) => radio.checked !== radio.defaultChecked);
    return chosen || title.value !== title.defaultValue || text.value !== text.defaultValue;
  }

  function forget() {
    clearTimeout(timer);
    attempt((storage) => storage.removeItem(kept));
    kept = "";
  }

  // One draft of each sheet, with the version that it was written for: what another tab keeps is left alone.
  function keep() {
    clearTimeout(timer);
    const form = sheet();
    if (!form || !account() || "saved" in form.dataset) return;
    if (!("refused" in form.dataset) && !differs(form)) return forget();
    const isKept = attempt((storage) => {
      if (storage.getItem(ACCOUNT) !== account()) return false;
      kept ||= prefix(form.dataset.draft) + Date.now();
      storage.setItem(kept, JSON.stringify(values(form)));
      return true;
    });
    if (!isKept) tell(form, form.dataset.unkept);
  }

  function restore(form) {
    const draft = attempt((storage) => {
      const names = Object.keys(storage).filter((each) => each.startsWith(prefix(form.dataset.draft)));
      // The latest: their names end with when they were begun.
      kept = names.sort().at(-1) ?? "";
      return kept && JSON.parse(storage.getItem(kept));
    });
    if (!draft) return;
    const { title, text, status, version } = draft;
    form.elements.title.value = title;
    form.elements.text.value = text;
    form.elements.status.value = status;
    if (!differs(form)) return forget();
    // An edit of another version is one that somebody else's has come before: saving it shows both.
    if (form.elements.version) form.elements.version.value = version;
    form.querySelector("[data-restored]").hidden = false;
  }

  function discard(form) {
    forget();
    const { version } = form.elements;
    form.reset();
    if (version) version.value = version.defaultValue;
    form.querySelector("[data-restored]").hidden = true;
    look(form);
    form.elements.text.focus();
  }

  function count(form) {
    const shown = form.querySelector("[data-count]");
    const number = new Intl.NumberFormat(document.documentElement.lang);
    const kept = size(form.elements.text.value) + size(form.elements.title.value);
    const most = Number(shown.dataset.most);
    shown.textContent = shown.dataset.says.replace("{kept}", number.format(kept)).replace("{most}", number.format(most));
    shown.classList.toggle("error", kept > most);
    shown.hidden = false;
  }

  // Browsers take long to find out the direction of a very long line: a text that has one goes one way.
  function direct(form) {
    const { text } = form.elements;
    const most = Number(form.dataset.longestLine);
    const isLong = text.value.length > most && text.value.split("\n").some((line) => line.length > most);
    const direction = isLong ? "auto" : "";
    if (text.dir !== direction) text.dir = direction;
  }

  function look(form) {
    count(form);
    direct(form);
  }

  function tell(form, text) {
    const told = form.querySelector("[data-told]");
    // What stands there already is not read out again.
    if (told.textContent !== text) told.textContent = text;
    told.hidden = !text;
  }

  function show(html) {
    const page = new DOMParser().parseFromString(html, "text/html");
    if (!page.querySelector("form[data-draft]")) return false;
    document.querySelector("main").replaceChildren(...page.querySelector("main").childNodes);
    document.title = page.title;
    const { account: present } = page.body.dataset;
    if (present && present !== account()) {
      document.body.dataset.account = present;
      moveIn();
    }
    begin();
    const wrong = document.querySelector("main [role=alert], main [aria-invalid]");
    wrong?.setAttribute("tabindex", "-1");
    wrong?.focus();
    return true;
  }

  // While it is saved, nothing can be added: the page that follows would not have it.
  function hold(form, isHeld) {
    const { title, text } = form.elements;
    form.querySelector("button:not([type])").disabled = title.readOnly = text.readOnly = isHeld;
  }

  async function save(form) {
    keep();
    tell(form, "");
    hold(form, true);
    try {
      const body = new URLSearchParams(new FormData(form));
      const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "text/html" } });
      if (answer.ok && answer.redirected && new URL(answer.url).searchParams.has("done")) {
        forget();
        form.dataset.saved = "";
        // Back leads past the sheet: a browser would put the text there once more, as if it were not saved.
        location.replace(answer.url);
        return;
      }
      if (!show(await answer.text())) tell(form, form.dataset.failed);
    } catch {
      tell(form, form.dataset.offline);
    }
    hold(form, false);
  }

  async function preview(form) {
    const shown = form.querySelector("[data-previewed]");
    if (size(form.elements.text.value) > PREVIEWED_BYTES) return tell(form, form.dataset.long);
    tell(form, "");
    try {
      const body = new URLSearchParams({ text: form.elements.text.value });
      const answer = await fetch("/posts/preview", { method: "POST", body, headers: { Accept: "text/html" } });
      const made = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-preview-of]");
      if (!answer.ok || !made) return tell(form, form.dataset.failed);
      shown.replaceChildren(made);
      shown.hidden = false;
      shown.focus();
    } catch {
      tell(form, form.dataset.offline);
    }
  }

  function begin() {
    const form = sheet();
    if (!form) return;
    // What was an edit may have come back as a new post, and a draft with it.
    if (!kept.startsWith(prefix(form.dataset.draft))) forget();
    if ("refused" in form.dataset) keep();
    else restore(form);
    form.querySelector("[data-preview]").hidden = false;
    look(form);
  }

  document.addEventListener("input", ({ target }) => {
    if (!target.form || target.form !== sheet()) return;
    clearTimeout(timer);
    timer = setTimeout(keep, KEPT_AFTER_MS);
    look(target.form);
  });
  document.addEventListener("submit", (event) => {
    if (event.target.matches("[action='/log-out']")) {
      // Nobody else at this browser is to see them.
      attempt((storage) => clear(storage, (name) => name.startsWith(OURS) || name === ACCOUNT));
      if (sheet()) sheet().dataset.saved = "";
    } else if (event.target === sheet()) {
      event.preventDefault();
      save(event.target);
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || !sheet()?.contains(event.target)) return;
    event.preventDefault();
    if (!sheet().querySelector("button:not([type])").disabled) sheet().requestSubmit();
  });
  document.addEventListener("click", ({ target }) => {
    const form = sheet();
    if (!form) return;
    if (target.closest("[data-drop-draft]")) {
      forget();
      form.dataset.saved = "";
    } else if (target.closest("[data-discard]")) discard(form);
    else if (target.closest("[data-preview]")) preview(form);
  });
  addEventListener("pagehide", keep);
  moveIn();
  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && keep());
  begin();
})();
