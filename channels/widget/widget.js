// The launcher a host page includes: a button, and an iframe from the bot's own origin that holds the conversation.
// <script src="https://BOT/widget.js" defer></script>; settings (data-*), events and variables: docs/widget.md.
(() => {
  "use strict";
  const script = document.currentScript;
  if (!script || window.frontdesk) return;
  const home = new URL(script.src).origin;
  const set = script.dataset;
  const WORDS = {
    en: ["Chat with us", "Close the chat", "{n} new", "The chat cannot be reached right now.", "Try again", "Dismiss"],
    es: ["Chatea con nosotros", "Cerrar el chat", "{n} nuevos", "No se puede conectar con el chat ahora mismo.", "Reintentar", "Descartar"],
    zh: ["与我们聊天", "关闭聊天", "{n} 条新消息", "暂时无法连接聊天。", "重试", "忽略"],
    ar: ["تحدّث معنا", "إغلاق المحادثة", "{n} رسائل جديدة", "لا يمكن الوصول إلى المحادثة الآن.", "إعادة المحاولة", "تجاهل"],
  };
  const EVENTS = ["ready", "open", "close", "unread", "state"];
  const VARIABLES = ["accent", "ground", "ink", "radius"];
  const UNREACHED_MS = 10000;
  const small = matchMedia("(max-width: 520px), (max-height: 480px)");
  const listeners = new Map(EVENTS.map((name) => [name, new Set()]));
  let locale = set.locale || navigator.language;
  let frame = null;
  let ready = false;
  let opened = false;
  let talking = false;
  let unread = 0;
  let refresh = null;
  let waiting = [];
  let timer = 0;

  const style = new CSSStyleSheet();
  // In a shadow tree `!important` on :host wins over every rule of the page, important or not.
  style.replaceSync(`
    :host { all: initial !important; position: fixed !important; display: block !important; width: auto !important; height: auto !important;
      z-index: 2147483000 !important; bottom: var(--frontdesk-y, 20px) !important; right: var(--frontdesk-x, 20px) !important; }
    :host(.left) { right: auto !important; left: var(--frontdesk-x, 20px) !important; }
    button { all: unset; box-sizing: border-box; cursor: pointer; }
    .launch { display: grid; place-items: center; width: 58px; height: 58px; border-radius: 50%; color: var(--on, #fff);
      background: var(--accent, var(--frontdesk-accent, #0f5c55)); box-shadow: 0 6px 24px rgb(0 0 0 / .22), 0 1px 3px rgb(0 0 0 / .2); transition: transform .15s; }
    .launch:hover { transform: scale(1.05); }
    button:focus-visible { outline: 3px solid #fff; box-shadow: 0 0 0 6px #1d2422; outline-offset: 0; }
    svg { width: 26px; height: 26px; grid-area: 1 / 1; fill: none; stroke: currentColor; stroke-width: 2;
      stroke-linecap: round; stroke-linejoin: round; transition: opacity .15s, transform .15s; }
    .down { opacity: 0; transform: rotate(-90deg); }
    [aria-expanded=true] .down { opacity: 1; transform: none; }
    [aria-expanded=true] .chat { opacity: 0; transform: rotate(90deg); }
    .badge { position: absolute; top: -4px; right: -4px; min-width: 22px; box-sizing: border-box; padding: 0 6px;
      border-radius: 11px; font: 600 12px/22px system-ui, sans-serif; text-align: center; color: #fff; background: #c62828; }
    iframe, .lost { position: fixed; bottom: calc(var(--frontdesk-y, 20px) + 72px); right: var(--frontdesk-x, 20px);
      width: min(var(--frontdesk-width, 400px), calc(100vw - 40px)); height: min(var(--frontdesk-height, 660px), calc(100vh - 116px)); border: 0; border-radius: var(--frontdesk-radius, 18px);
      color-scheme: normal; box-shadow: 0 18px 60px rgb(0 0 0 / .24), 0 2px 8px rgb(0 0 0 / .12), 0 0 0 1px rgb(128 128 128 / .2); }
    :host(.left) iframe, :host(.left) .lost { right: auto; left: var(--frontdesk-x, 20px); }
    .lost, .hail { box-sizing: border-box; font: 15px/1.5 system-ui, sans-serif; color: #1d2422; background: #fff; }
    .lost { height: auto; padding: 20px; } .lost button { color: #0b5a53; text-decoration: underline; font-weight: 600; }
    .hail { position: absolute; bottom: 72px; right: 0; display: flex; align-items: flex-start; width: max-content; max-width: min(290px, calc(100vw - 40px));
      border-radius: 16px 16px 4px 16px; box-shadow: 0 10px 36px rgb(0 0 0 / .2), 0 1px 4px rgb(0 0 0 / .12); }
    :host(.left) .hail { right: auto; left: 0; border-radius: 16px 16px 16px 4px; }
    .hail .text { padding: 13px 4px 13px 16px; border-radius: inherit; } .hail .text:dir(rtl) { padding: 13px 16px 13px 4px; }
    .hail .off { flex: none; display: grid; place-items: center; width: 36px; height: 36px; margin: 4px; border-radius: 50%; color: #5b6562; }
    .off svg { width: 16px; height: 16px; }
    .quiet { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
    [hidden] { display: none !important; }
    @media (max-width: 520px), (max-height: 480px) {
      iframe, :host(.left) iframe { inset: 0; width: 100%; height: 100%; height: 100dvh; border-radius: 0; }
      .launch[aria-expanded=true] { display: none; }
    }
    @media (prefers-reduced-motion: reduce) { .launch, svg { transition: none; } .launch:hover { transform: none; } }
    @media (forced-colors: active) { .launch, .hail, iframe { border: 1px solid; } }
    @media print { :host { display: none !important; } }`);

  const make = (tag, attributes, parent, text = "") => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.textContent = text;
    parent?.append(element);
    return element;
  };
  const icon = (button, name, path) => {
    const svg = "http://www.w3.org/2000/svg";
    const drawing = document.createElementNS(svg, "svg");
    drawing.setAttribute("class", name);
    drawing.setAttribute("viewBox", "0 0 24 24");
    drawing.setAttribute("aria-hidden", "true");
    drawing.append(document.createElementNS(svg, "path"));
    drawing.firstChild.setAttribute("d", path);
    button.append(drawing);
  };
  const host = make("frontdesk-chat", {});
  const root = host.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [style];
  const button = make("button", { type: "button", class: "launch", "aria-expanded": "false", "aria-haspopup": "dialog" }, root);
  const badge = make("span", { class: "badge", "aria-hidden": "true", hidden: "" }, root);
  const aloud = make("p", { class: "quiet", role: "status" }, root);
  icon(button, "chat", "M5 4h14a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2h-6l-5 4v-4H5a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2ZM8 9h8M8 12.5h5");
  icon(button, "down", "M6 9l6 6 6-6");
  let hail = null;
  let lost = null;

  const language = () => (Object.hasOwn(WORDS, locale.slice(0, 2).toLowerCase()) ? locale.slice(0, 2).toLowerCase() : "en");
  const word = (at) => WORDS[language()][at];
  const label = () => set.title || word(0);
  const news = () => word(2).replace("{n}", unread);
  const dress = () => {
    host.lang = language();
    host.dir = language() === "ar" ? "rtl" : "ltr";
    host.classList.toggle("left", set.position ? set.position === "left" : host.dir === "rtl");
    button.setAttribute("aria-label", opened ? word(1) : unread ? `${label()} (${news()})` : label());
    frame?.setAttribute("title", label());
  };
  const emit = (name, detail) => { for (const listener of listeners.get(name)) setTimeout(listener, 0, detail); };
  const tell = (type, more) => {
    if (ready) frame.contentWindow.postMessage({ frontdesk: type, ...more }, home);
    else waiting.push([type, more]);
  };
  // The page's variables, as far as they are set; the frame checks each before it uses it.
  const look = () => {
    const styles = getComputedStyle(host);
    const chosen = VARIABLES.map((name) => [name, styles.getPropertyValue(`--frontdesk-${name}`).trim()]);
    return { theme: set.theme || "auto", ...Object.fromEntries(chosen), ...(set.color && { accent: set.color }) };
  };
  const load = () => {
    if (frame) return;
    const asked = new URLSearchParams({ brand: set.brand || "", origin: location.origin, locale });
    frame = make("iframe", { src: `${home}/frame?${asked}`, hidden: "" });
    root.prepend(frame);
    dress();
  };
  const again = () => {
    lost?.remove();
    lost = null;
    frame.remove();
    frame = null;
    load();
    show(true, true);
  };
  const unreached = () => {
    if (ready || !opened || lost) return;
    frame.hidden = true;
    console.warn(`frontdesk: no chat from ${home}. Is ${location.origin} in channels.web.allowed_origins?`);
    lost = make("div", { class: "lost", role: "alert" }, root);
    make("p", {}, lost, word(3));
    make("button", { type: "button" }, lost, word(4)).addEventListener("click", again);
  };
  const show = (open, focus) => {
    load();
    clearTimeout(timer);
    const change = open !== opened;
    opened = open;
    frame.hidden = !open || Boolean(lost);
    if (lost) lost.hidden = !open;
    hush();
    button.setAttribute("aria-expanded", String(open));
    count(0);
    tell(open ? "open" : "close", { focus, full: small.matches, at: Date.now(), ...look() });
    if (open && !ready) timer = setTimeout(unreached, UNREACHED_MS);
    if (open && focus) frame.focus();
    if (!open && focus) button.focus();
    if (change) emit(open ? "open" : "close");
  };
  const count = (number) => {
    const change = number !== unread;
    unread = number;
    badge.hidden = !number;
    badge.textContent = number || "";
    aloud.textContent = number ? news() : "";
    dress();
    if (change) emit("unread", { count: number });
  };

  // The first word: once per visit, only to somebody who has not opened the chat and has no conversation.
  const HAILED = "frontdesk-greeted";
  const hush = () => {
    hail?.remove();
    hail = null;
  };
  const greet = () => {
    if (opened || talking || hail || sessionStorage.getItem(HAILED)) return;
    sessionStorage.setItem(HAILED, "1");
    hail = make("div", { class: "hail" }, root);
    make("button", { type: "button", class: "text" }, hail, set.greeting || label()).addEventListener("click", () => show(true, true));
    const off = make("button", { type: "button", class: "off", "aria-label": word(5) }, hail);
    icon(off, "", "M6 6l12 12M18 6 6 18");
    off.addEventListener("click", () => { hush(); button.focus(); });
    aloud.textContent = set.greeting || label();
  };

  const heard = {
    ready(data) {
      ready = true;
      clearTimeout(timer);
      talking = Boolean(data.talking);
      const queue = waiting;
      waiting = [];
      tell("init", { greeting: set.greeting || "", questions: set.questions || "", locale, ...look() });
      for (const [type, more] of queue) tell(type, more);
      emit("ready");
      const seconds = parseFloat(set.proactive);
      if (seconds >= 0) setTimeout(() => { try { greet(); } catch { /* storage is blocked: no greeting */ } }, seconds * 1000);
    },
    close: () => show(false, true),
    unread: (data) => { if (!opened) count(Number(data.count) || 0); },
    state: (data) => emit("state", { state: String(data.state) }),
    painted(data) {
      host.style.setProperty("--accent", data.accent);
      host.style.setProperty("--on", data.on);
    },
    async token() {
      try {
        tell("user", { token: refresh ? await refresh() : null });
      } catch {
        tell("user", { token: null });
      }
    },
  };
  window.addEventListener("message", (event) => {
    if (!frame || event.origin !== home || event.source !== frame.contentWindow) return;
    const type = event.data?.frontdesk;
    if (Object.hasOwn(heard, type)) heard[type](event.data);
  });
  button.addEventListener("click", () => show(!opened, true));
  small.addEventListener("change", () => { if (opened) tell("size", { full: small.matches }); });

  window.frontdesk = Object.freeze({
    open: () => show(true, true),
    close: () => show(false, true),
    toggle: () => show(!opened, true),
    // setUser({token, refresh}): a token your server signed, and a function that fetches a fresh one; setUser(null) signs out.
    setUser(user) {
      load();
      refresh = typeof user?.refresh === "function" ? user.refresh : null;
      tell("user", { token: user?.token ? String(user.token) : null });
    },
    setLocale(code) {
      locale = String(code || navigator.language);
      dress();
      load();
      tell("locale", { locale });
    },
    // on(event, listener): returns a function that ends it. The events never carry what was said.
    on(name, listener) {
      if (!listeners.has(name)) throw new TypeError(`frontdesk has no event "${name}"; it has ${EVENTS.join(", ")}.`);
      listeners.get(name).add(listener);
      if (name === "ready" && ready) setTimeout(listener, 0);
      return () => listeners.get(name).delete(listener);
    },
    reset: () => { load(); tell("reset"); },
    ask: (text) => { show(true, false); tell("ask", { text: String(text) }); },
  });

  const start = () => {
    document.documentElement.append(host);
    host.popover = "manual";  // the top layer: no stacking order, transform or opacity of the page reaches it
    host.showPopover?.();
    dress();
    if (set.launcher === "none") button.hidden = true;
    if ("open" in set && !small.matches && innerWidth > 900) show(true, false);
    else load();
  };
  if (document.body) start();
  else document.addEventListener("DOMContentLoaded", start);
})();
