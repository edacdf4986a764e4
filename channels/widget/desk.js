// The operator's pages: what changed elsewhere appears here, without losing what is being written; keys for everything.
const shown = document.body.dataset.conversation;
const find = (selector) => document.querySelector(selector);
const box = find("#answer");
const draft = `draft:${shown}`;
const LIVE = ["#queue", "#head", "#turns", "#held", "#summary", "#notes"];

// A page is fetched as a document: nothing is ever parsed from a string here.
const fetched = (address) => new Promise((done) => {
  const asking = new XMLHttpRequest();
  asking.open("GET", address);
  asking.responseType = "document";
  asking.setRequestHeader("Accept", "text/html");
  asking.onload = () => {
    if (new URL(asking.responseURL).pathname === "/inbox/login") location.reload();
    done(asking.status === 200 ? asking.response : null);
  };
  asking.onerror = () => done(null);
  asking.send();
});

const replaced = (page, selector) => {
  const [here, there] = [find(selector), page.querySelector(selector)];
  if (!here || !there || closed(here).isEqualNode(there)) return false;
  const focused = document.activeElement;
  const at = [...here.querySelectorAll("a, button")].indexOf(focused);
  document.adoptNode(there);
  for (const open of here.querySelectorAll("details[open][data-keep]")) { // what is being written in it stays
    there.querySelector(`[data-keep="${CSS.escape(open.dataset.keep)}"]`)?.replaceWith(open);
  }
  here.replaceWith(there);
  if (there.contains(focused)) focused.focus();
  else if (at >= 0) there.querySelectorAll("a, button")[at]?.focus();
  return true;
};

// A part as the server drew it: whatever was unfolded since, folded again.
const closed = (part) => {
  const copy = part.cloneNode(true);
  for (const open of copy.querySelectorAll("details[open][data-keep]")) open.removeAttribute("open");
  return copy;
};

const tell = (words) => { find("#told").textContent = words; };

const held = () => {
  const form = find("#compose");
  if (form) form.hidden = find("#held")?.dataset.other === "1" && !box.value; // words are never taken from view
};

const refresh = async () => {
  const page = await fetched(location.pathname + location.search.replace(/&suggest=1/, ""));
  if (!page) return;
  const changed = LIVE.filter((selector) => replaced(page, selector));
  held();
  if (changed.includes("#turns")) find("#turns").lastElementChild?.scrollIntoView({ block: "nearest" });
  if (changed.includes("#held")) tell(find("#held p").textContent);
  else if (changed.includes("#turns")) tell("There is a new message.");
  else if (changed.includes("#queue") && !shown) tell("The queue has changed.");
};

let stream = null;
const listen = () => {
  if (stream || document.hidden || !find("#queue")) return;
  let known = null;
  stream = new EventSource("/inbox/events" + (shown ? `?${new URLSearchParams({ id: shown })}` : ""));
  stream.addEventListener("version", ({ data }) => {
    const { version } = JSON.parse(data);
    if (known !== version) refresh();
    known = version;
  });
};
document.addEventListener("visibilitychange", () => {
  if (document.hidden) { stream?.close(); stream = null; } else listen();
});

if (box) {
  box.value = box.value || sessionStorage.getItem(draft) || "";
  box.addEventListener("input", () => sessionStorage.setItem(draft, box.value));
  box.form.addEventListener("submit", () => sessionStorage.removeItem(draft));
  find("#turns").lastElementChild?.scrollIntoView({ block: "nearest" });
}

document.addEventListener("click", async (event) => {
  const ready = event.target.closest("[data-insert]");
  if (ready && box) {
    box.value = (box.value ? `${box.value}\n` : "") + ready.dataset.insert;
    box.dispatchEvent(new Event("input"));
    box.focus();
  }
  const ask = event.target.closest("[data-suggest]");
  if (ask && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    ask.setAttribute("aria-busy", "true");
    const page = await fetched(ask.href);
    if (page) replaced(page, "#suggestion");
    find("#suggestion [data-insert]")?.focus();
  }
});

const step = (by) => {
  const rows = [...document.querySelectorAll("#queue .rows a")];
  const now = rows.findIndex((row) => row === document.activeElement);
  const start = now < 0 ? rows.findIndex((row) => row.getAttribute("aria-current")) : now;
  rows[Math.min(Math.max(start + by, 0), rows.length - 1)]?.focus();
};
const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  c: () => find("#held form[action='/inbox/claim'] button")?.click(),
  r: () => box?.focus(),
  s: () => find("[data-suggest]")?.click(),
  n: () => find("#note")?.focus(),
  b: () => find("#held form[action='/inbox/back'] button")?.focus(),
  g: () => { location.href = "/inbox"; },
  "?": () => find("#keys")?.showModal(),
};
document.addEventListener("keydown", (event) => {
  const writing = event.target.closest("input, textarea, select");
  if (writing && event.key === "Enter" && (event.ctrlKey || event.metaKey)) writing.form?.requestSubmit();
  if (writing && event.key === "Escape") writing.blur();
  if (writing || event.ctrlKey || event.metaKey || event.altKey || find("dialog[open]")) return;
  const act = Object.hasOwn(KEYS, event.key) && KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

setInterval(() => {
  for (const time of document.querySelectorAll("#queue time")) {
    const minutes = Math.max(0, Math.floor((Date.now() - Date.parse(time.dateTime)) / 60000));
    time.textContent = minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h`;
  }
}, 30000);
listen();
