// The launcher a host page includes: a button, and an iframe from the bot's own origin that holds the conversation.
// <script src="https://BOT/widget.js" defer data-brand data-color data-position data-title data-greeting data-open></script>
(() => {
  "use strict";
  const script = document.currentScript;
  if (!script || window.frontdesk) return;
  const home = new URL(script.src).origin;
  const set = script.dataset;
  const svg = "http://www.w3.org/2000/svg";
  const left = set.position === "left";
  const label = set.title || "Chat with us";
  let frame = null;
  let ready = false;
  let opened = false;
  let refresh = null;
  let waiting = [];

  const style = new CSSStyleSheet();
  style.replaceSync(`
    :host { all: initial; position: fixed; z-index: 2147483000; bottom: 20px; ${left ? "left" : "right"}: 20px; }
    button { all: unset; box-sizing: border-box; display: grid; place-items: center; width: 58px; height: 58px;
      border-radius: 50%; cursor: pointer; color: var(--frontdesk-on, #fff); background: var(--frontdesk-accent, #0f5c55);
      box-shadow: 0 6px 24px rgb(0 0 0 / .22), 0 1px 3px rgb(0 0 0 / .2); transition: transform .15s; }
    button:hover { transform: scale(1.05); }
    button:focus-visible { outline: 3px solid var(--frontdesk-accent, #0f5c55); outline-offset: 3px; }
    svg { width: 26px; height: 26px; grid-area: 1 / 1; fill: none; stroke: currentColor; stroke-width: 2;
      stroke-linecap: round; stroke-linejoin: round; transition: opacity .15s, transform .15s; }
    .down { opacity: 0; transform: rotate(-90deg); }
    [aria-expanded=true] .down { opacity: 1; transform: none; }
    [aria-expanded=true] .chat { opacity: 0; transform: rotate(90deg); }
    .badge { all: unset; position: absolute; top: -4px; right: -4px; min-width: 22px; box-sizing: border-box; padding: 0 6px;
      border-radius: 11px; font: 600 12px/22px system-ui, sans-serif; text-align: center; color: #fff; background: #c62828; }
    iframe { position: fixed; bottom: 92px; ${left ? "left" : "right"}: 20px; width: min(400px, calc(100vw - 40px));
      height: min(660px, calc(100vh - 116px)); border: 0; border-radius: 18px; color-scheme: normal;
      box-shadow: 0 18px 60px rgb(0 0 0 / .24), 0 2px 8px rgb(0 0 0 / .12); }
    [hidden] { display: none !important; }
    @media (max-width: 520px) {
      iframe { inset: 0; width: 100%; height: 100%; border-radius: 0; }
      [aria-expanded=true] { display: none; }
    }
    @media (prefers-reduced-motion: reduce) { button, svg { transition: none; } }`);

  const make = (tag, attributes, parent) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    parent?.append(element);
    return element;
  };
  const host = make("div", { "data-frontdesk": "" });
  const root = host.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [style];
  const button = make("button", { type: "button", "aria-label": label, "aria-expanded": "false", "aria-haspopup": "dialog" }, root);
  const badge = make("span", { class: "badge", hidden: "" }, root);
  const icon = (name, path) => {
    const drawing = document.createElementNS(svg, "svg");
    drawing.setAttribute("class", name);
    drawing.setAttribute("viewBox", "0 0 24 24");
    drawing.setAttribute("aria-hidden", "true");
    const line = document.createElementNS(svg, "path");
    line.setAttribute("d", path);
    drawing.append(line);
    button.append(drawing);
  };
  icon("chat", "M5 4h14a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2h-6l-5 4v-4H5a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2ZM8 9h8M8 12.5h5");
  icon("down", "M6 9l6 6 6-6");

  const tell = (type, more) => {
    if (ready) frame.contentWindow.postMessage({ frontdesk: type, ...more }, home);
    else waiting.push([type, more]);
  };
  const load = () => {
    if (frame) return;
    const asked = new URLSearchParams({ brand: set.brand || "", origin: location.origin });
    frame = make("iframe", { src: `${home}/frame?${asked}`, title: label, hidden: "" });
    root.prepend(frame);
  };
  const show = (open, focus) => {
    load();
    opened = open;
    frame.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
    button.setAttribute("aria-label", open ? "Close the chat" : label);
    count(0);
    tell(open ? "open" : "close", { focus });
    if (!open && focus) button.focus();
  };
  const count = (number) => {
    badge.hidden = !number;
    badge.textContent = number ? String(number) : "";
    if (!opened) button.setAttribute("aria-label", number ? `${label} (${number} new)` : label);
  };
  const heard = {
    ready() {
      ready = true;
      const queue = waiting;
      waiting = [];
      tell("init", { greeting: set.greeting || "", color: set.color || "" });
      for (const [type, more] of queue) tell(type, more);
    },
    close: () => show(false, true),
    unread: (data) => { if (!opened) count(Number(data.count) || 0); },
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
    reset: () => { load(); tell("reset"); },
    ask: (text) => { show(true, false); tell("ask", { text: String(text) }); },
  });

  const start = () => {
    document.body.append(host);
    if (set.color && CSS.supports("color", set.color)) host.style.setProperty("--frontdesk-accent", set.color);
    if ("open" in set && innerWidth > 900) show(true, false);
    else load();
  };
  if (document.body) start();
  else document.addEventListener("DOMContentLoaded", start);
})();
