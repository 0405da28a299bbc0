// Posts without waiting: search as you type, more of them on scrolling, and a deletion that can be taken back.
"use strict";
(() => {
  const TYPED_FOR_MS = 250;
  const UNDO_MS = 6000;

  const list = () => document.querySelector("#list");
  let asked = new AbortController();

  async function load(address) {
    asked.abort();
    asked = new AbortController();
    const answer = await fetch(address, { signal: asked.signal, headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    // Whoever is logged out by now is shown the way in, and whatever else is not a list is shown as it is.
    if (!page.querySelector("#list")) location.assign(address);
    return page.querySelector("#list");
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
        list().replaceWith(found);
        history.replaceState(null, "", address);
        // The word for nothing found is part of the list; a page that is read out says it, too.
        document.querySelector("#told").textContent = found.querySelector(".empty p")?.textContent ?? found.dataset.told;
        watch();
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

  // The link to the next page stays for whoever wants to press it.
  function watch() {
    const next = list()?.querySelector("[rel=next]");
    if (!next) return;
    const seen = new IntersectionObserver(async ([entry]) => {
      if (!entry.isIntersecting) return;
      seen.disconnect();
      const mine = list();
      try {
        const more = await load(next.href);
        if (!more || mine !== list()) return;
        mine.querySelector(".entries").append(...more.querySelectorAll(".entries > li"));
        const following = more.querySelector("[rel=next]");
        if (following) next.href = following.href;
        else next.closest("nav").remove();
        watch();
      } catch {
        // The link is still there.
      }
    }, { rootMargin: "400px" });
    seen.observe(next);
  }

  function deletion(link) {
    const post = document.querySelector(".post");
    const undo = document.querySelector("[data-undo]");
    let timer = 0;
    let waits = false;

    async function send() {
      clearTimeout(timer);
      waits = false;
      const answer = await fetch(link.href, { method: "POST", keepalive: true, headers: { Accept: "text/html" } });
      return answer.status === 404 || new URL(answer.url).searchParams.get("done") === "deleted";
    }

    async function finish(address) {
      try {
        if (await send()) return location.assign(address);
      } catch {
        // Told below.
      }
      restore();
      document.querySelector("[data-undeleted]").hidden = false;
    }

    function restore() {
      clearTimeout(timer);
      waits = false;
      undo.hidden = true;
      post.hidden = false;
      link.focus();
    }

    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      document.querySelector("[data-undeleted]").hidden = true;
      waits = true;
      post.hidden = true;
      undo.hidden = false;
      undo.querySelector("button").focus();
      timer = setTimeout(() => finish("/?done=deleted"), UNDO_MS);
    });
    undo.querySelector("button").addEventListener("click", restore);
    // Whoever goes on has made up their mind; the next page is to know of it.
    document.addEventListener("click", (event) => {
      const going = event.target.closest("a[href]");
      if (!waits || !going || going === link || event.defaultPrevented) return;
      event.preventDefault();
      finish(going.href);
    });
    addEventListener("pagehide", () => waits && send());
  }

  const form = document.querySelector("form.search");
  const link = document.querySelector("[data-delete]");
  if (form) search(form);
  if (link) deletion(link);
  watch();
})();
