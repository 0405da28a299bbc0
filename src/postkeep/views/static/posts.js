// Posts without waiting: search as you type, more of them on scrolling, and a deletion that can be taken back.
"use strict";
(() => {
  const TYPED_FOR_MS = 250;
  const UNDO_MS = 20_000;
  // So many posts are brought back at once to whoever comes back to them.
  const MOST_BACK = 500;

  const deleting = `postkeep:deleting:${document.body.dataset.account}`;
  const list = () => document.querySelector("#list");
  const entry = (path) => document.querySelector(`.entries [href="${path}"]`)?.closest("li");
  let loading = new AbortController();
  // The path of the post that is about to be deleted.
  let gone = "";

  async function load(address) {
    loading.abort();
    loading = new AbortController();
    const found = await read(address, loading.signal);
    // Whoever is logged out by now is shown the way in, and whatever else is not a list is shown as it is.
    if (!found) location.assign(address);
    return found;
  }

  async function read(address, signal) {
    const answer = await fetch(address, { signal, headers: { Accept: "text/html" } });
    return new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("#list");
  }

  function search(form) {
    let timer = 0;
    const find = async () => {
      const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value.trim()));
      const address = query.size ? `/?${query}` : "/";
      list().setAttribute("aria-busy", "true");
      try {
        const found = await load(address);
        if (!found) return;
        replace(list(), found);
        history.replaceState(null, "", address);
        // The word for nothing found is part of the list; a page that is read out says it, too.
        document.querySelector("#told").textContent = found.querySelector(".empty p")?.textContent ?? found.dataset.told;
        arrange();
      } catch (error) {
        // Without a connection, the button is what is left.
        if (error.name !== "AbortError") list().removeAttribute("aria-busy");
      }
    };
    form.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(find, TYPED_FOR_MS);
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      clearTimeout(timer);
      find();
    });
  }

  // Whoever is in there already stays at the same filter, or in the same place of the list.
  function replace(old, found) {
    const links = (element) => [...element.querySelectorAll("a")];
    const at = links(old).indexOf(document.activeElement);
    old.replaceWith(found);
    if (at >= 0) (links(found)[at] ?? links(found).at(-1))?.focus();
  }

  function arrange() {
    const leaving = gone && entry(gone);
    if (leaving) leaving.hidden = true;
    watch();
  }

  const next = () => list()?.querySelector("[rel=next]");
  const entries = () => document.querySelectorAll(".entries > li").length;

  // The link to the next page stays for whoever wants to press it.
  function watch() {
    const link = next();
    if (!link) return;
    const seen = new IntersectionObserver(async ([entry]) => {
      // A search that is under way brings a list of its own.
      if (!entry.isIntersecting || list().hasAttribute("aria-busy")) return;
      seen.disconnect();
      if (await extend(link)) arrange();
    }, { rootMargin: "400px" });
    seen.observe(link);
  }

  // Puts the next page behind this one, and tells whether it did.
  async function extend(link) {
    const mine = list();
    try {
      const more = await load(link.href);
      if (!more || mine !== list()) return false;
      mine.querySelector(".entries").append(...more.querySelectorAll(".entries > li"));
      const following = more.querySelector("[rel=next]");
      if (following) link.href = following.href;
      else link.closest("nav").remove();
      return true;
    } catch {
      // The link is still there.
      return false;
    }
  }

  // Whoever comes back from a post finds the list as long as it was, and the place where they were.
  async function comeBack() {
    const { length = 0, top = 0 } = history.state ?? {};
    const before = entries();
    while (entries() < Math.min(length, MOST_BACK) && next() && (await extend(next())));
    if (entries() > before) scrollTo(0, top);
  }

  function remember() {
    if (list()) history.replaceState({ length: entries(), top: scrollY }, "");
  }

  // A deletion is asked for on the post's own page, and waits on the list: there it can be taken back.
  function deletion(link) {
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      try {
        sessionStorage.setItem(deleting, JSON.stringify({ path: link.dataset.delete, byKey: event.detail === 0 }));
      } catch {
        // Where nothing can be remembered, the link leads to a page that asks.
        return;
      }
      event.preventDefault();
      location.assign("/");
    });
  }

  function asked() {
    try {
      const found = JSON.parse(sessionStorage.getItem(deleting));
      sessionStorage.removeItem(deleting);
      return found;
    } catch {
      return null;
    }
  }

  function undoing(notice) {
    const { path, byKey } = asked() ?? {};
    if (!path) return;
    const told = notice.querySelector("[role=status]");
    const button = notice.querySelector("button");
    let timer = 0;
    gone = path;

    // Whoever is at the notice, with the keyboard or a pointer, has all the time there is (WCAG 2.2, 2.2.1).
    function wait() {
      clearTimeout(timer);
      if (gone && !notice.matches(":hover, :focus-within")) timer = setTimeout(finish, UNDO_MS);
    }

    async function send() {
      clearTimeout(timer);
      gone = "";
      button.hidden = true;
      try {
        const answer = await fetch(`${path}/delete`, {
          method: "POST",
          keepalive: true,
          headers: { Accept: "text/html" },
        });
        if (answer.status === 404) return isOurs(await answer.text());
        return new URL(answer.url).searchParams.get("done") === "deleted";
      } catch {
        return false;
      }
    }

    // To whom else may be logged in by now a post that is still there is nothing, either.
    function isOurs(html) {
      const { account } = new DOMParser().parseFromString(html, "text/html").body.dataset;
      return account === document.body.dataset.account;
    }

    function bringBack() {
      clearTimeout(timer);
      gone = "";
      notice.hidden = true;
      const found = entry(path);
      if (found) found.hidden = false;
      return found;
    }

    function fail() {
      bringBack();
      document.querySelector("[data-undeleted]").hidden = false;
    }

    async function finish() {
      if (!(await send())) return fail();
      told.textContent = told.dataset.done;
      entry(path)?.remove();
      if (!document.querySelector(".entries > li")) return location.assign("/?done=deleted");
      const counts = (await read(location.href).catch(() => null))?.querySelector(".filters");
      if (counts) replace(document.querySelector(".filters"), counts);
    }

    function undo() {
      const found = bringBack();
      if (found) found.querySelector("a").focus();
      else location.assign(path);
    }

    // Whoever goes on has made up their mind, and the next page is to know of it.
    function goOn(event, go) {
      if (!gone || event.defaultPrevented) return;
      event.preventDefault();
      send().then((isDone) => (isDone ? go() : fail()));
    }

    button.addEventListener("click", undo);
    for (const name of ["pointerenter", "pointerleave", "focusin", "focusout"]) notice.addEventListener(name, wait);
    document.addEventListener("click", (event) => {
      const link = event.target.closest("a[href]:not([href^='#'])");
      if (link && !(event.ctrlKey || event.metaKey || event.shiftKey)) goOn(event, () => location.assign(link.href));
    });
    document.addEventListener("submit", (event) => {
      if (event.target.method === "post") goOn(event, () => event.target.requestSubmit(event.submitter));
    });
    addEventListener("pagehide", () => {
      if (!gone) return;
      send();
      notice.hidden = true;
    });
    told.textContent = told.dataset.waits;
    notice.hidden = false;
    if (byKey) button.focus();
    wait();
  }

  const form = document.querySelector("form.search");
  const link = document.querySelector("[data-delete]");
  const notice = document.querySelector("[data-undo]");
  if (form) search(form);
  if (link) deletion(link);
  if (notice) undoing(notice);
  addEventListener("pagehide", remember);
  comeBack().then(arrange);
})();
