// The chat inside the iframe: what is shown, and how it speaks with the host page and with the server.
import { Answer, Said, h, icon } from "./view.js";
import { Refused, Talk, uuid } from "./talk.js";

const { brand, name, person: personTitle, parent: host } = document.body.dataset;
const embedded = host !== "" && window.parent !== window;
const KEEP_HOURS = 24;
const KEY = `frontdesk:${brand}`;
const HANDOFF = "/human_agent";
const VOTED = new Set(["voice", "knowledge", "account"]);
const STATES = {
  bot: "",
  waiting: "You're in the queue for a colleague. Keep writing, they'll see all of it.",
  human: "You're talking with a person now.",
};

// --- the page ---------------------------------------------------------------------------------------------------
const log = h("div", { id: "log", role: "log", "aria-live": "polite", "aria-relevant": "additions", "aria-label": "Conversation", tabindex: "0" });
const typing = h("div", { class: "typing", hidden: true }, h("span", { class: "hidden", role: "status" }), h("i"), h("i"), h("i"));
const scroll = h("main", { id: "scroll" }, log, typing);
const banner = h("p", { id: "banner", role: "status", hidden: true });
const input = h("textarea", { id: "text", rows: "1", maxlength: "8000", placeholder: "Write a message…", "aria-label": "Your message", autocomplete: "off" });
const submit = h("button", { type: "submit", class: "send", "aria-label": "Send", disabled: true }, icon("M12 19V5M5.5 11.5 12 5l6.5 6.5"));
const person = h("button", { type: "button", class: "plain", onclick: () => say(HANDOFF, personTitle) }, icon("M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm-7 8a7 7 0 0 1 14 0"), personTitle);
const close = h("button", { type: "button", class: "round", "aria-label": "Close the chat", onclick: () => tell("close") }, icon("M6 6l12 12M18 6 6 18"));
const anew = h("button", { type: "button", class: "round", "aria-label": "Start a new conversation", title: "New conversation", onclick: () => { reset(); input.focus(); } }, icon("M4 12a8 8 0 1 0 2.6-5.9M4 4v4.5h4.5"));
const panel = h("section", { id: "panel", role: "dialog", "aria-labelledby": "panel-title", hidden: true });
const status = h("span", {}, "Automated assistant");
const title = h("div", { class: "title" }, h("h1", {}, name), h("p", {}, h("span", { class: "dot", "aria-hidden": "true" }), status));
const form = h("form", { "aria-label": "Write a message" }, input, submit);
document.body.append(
  h("header", {}, h("span", { class: "mark", "aria-hidden": "true" }, name.slice(0, 1)), title, anew, embedded ? close : null),
  banner, scroll, panel,
  h("footer", {}, form, h("div", { class: "row" }, person, h("span", { class: "made" }, "Answers show their sources"))),
);

// --- state ------------------------------------------------------------------------------------------------------
const answers = new Map();
let current = null;
let state = "bot";
let open = !embedded;
let unread = 0;
let greeting = `Hi, this is ${name}'s assistant. Ask me anything, or ask for a person.`;
let opener = null;
let tokenCame = null;

const talk = new Talk(brand, {
  event: (kind, data) => shown[kind]?.(data),
  link: (up) => notice(up ? STATES[state] : "Connection lost. Trying again…"),
  freshToken: () => (embedded ? new Promise((got) => { tokenCame = got; tell("token"); setTimeout(got, 8000, null); }) : null),
  foreign: () => clear(),
});

const shown = {
  state(data) {
    state = data.state;
    notice(STATES[state]);
    if (state === "human") busy(false);
    keep();
    follow();
  },
  typing: () => busy(true),
  sentence(data) {
    const answer = data.author ? answerOf(data.message_id, data.author) : (current = answerOf(data.message_id));
    stay(() => answer.add(data.text, data.nodes, data.citations));
    if (data.author) busy(false);
    count();
  },
  buttons: (data) => stay(() => answerOf(data.message_id).buttons(data.buttons, pressed)),
  done(reply) {
    busy(false);
    if (reply.text) finish(current || answerOf(uuid()), reply);
    current = null;
    keep();
  },
  error(data) {
    busy(false);
    current = null;
    stay(() => log.append(h("p", { class: "trouble" }, data.message)));
  },
};

function finish(answer, reply) {
  stay(() => {
    answer.finish(reply);
    answer.buttons(reply.buttons, pressed);
    if (reply.routes.some((route) => VOTED.has(route.kind))) answer.votes((value) => talk.vote(answer.key, value).then(() => true, () => false));
  });
}

function answerOf(key, author = "") {
  if (!answers.has(key)) {
    const answer = new Answer(author || name, { author, onsource: showSource });
    answer.key = key;
    answers.set(key, answer);
    log.append(answer.element);
  }
  return answers.get(key);
}

// Change the page and stay at its end, unless the reader has scrolled away.
function stay(change) {
  const near = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 120;
  change();
  if (near) scroll.scrollTop = scroll.scrollHeight;
}

function busy(on) {
  if (typing.hidden === !on) return;
  stay(() => { typing.hidden = !on; });
  typing.firstChild.textContent = on ? `${name} is writing` : "";
}

function notice(text) {
  if (banner.textContent !== text) banner.textContent = text;
  banner.hidden = !text;
  banner.className = state;
  status.textContent = state === "human" ? "A person is with you" : "Automated assistant";
}

function count() {
  if (open) return;
  unread += 1;
  tell("unread", { count: unread });
}

// --- sending ----------------------------------------------------------------------------------------------------
function say(text, label = "") {
  const said = new Said(label || text);
  for (const old of log.querySelectorAll(".choices")) old.remove();
  log.append(said.element);
  if (state === "bot") busy(true);
  scroll.scrollTop = scroll.scrollHeight;
  post({ text, message_id: uuid(), locale: navigator.language || "en", metadata: label ? { title: label } : {} }, said);
}

async function post(message, said) {
  try {
    await talk.send(message);
    keep();
  } catch (why) {
    busy(false);
    const kind = why instanceof Refused && why.status < 500 && ![401, 408, 429].includes(why.status);
    said.failed(kind ? why.message || "This could not be sent." : "Not sent.", kind ? null : () => post(message, said));
  }
}

function pressed(choice) {
  say(choice.payload, choice.title);
  input.focus();
}

function typed() {
  submit.disabled = !input.value.trim();
  input.style.height = "auto";
  input.style.height = `${Math.min(input.scrollHeight, 140)}px`;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = input.value.trim();
  if (!text) return;
  input.value = "";
  typed();
  say(text);
});
input.addEventListener("input", typed);
input.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    form.requestSubmit();
  }
});

// --- a citation, opened -----------------------------------------------------------------------------------------
function showSource(source, from) {
  opener = from;
  const address = /^https:\/\//i.test(source.url) ? new URL(source.url) : null;
  panel.replaceChildren(
    h("div", { class: "panel-head" }, h("p", {}, `Source ${source.number}`), h("button", { type: "button", class: "round", "aria-label": "Close the source", onclick: hideSource }, icon("M6 6l12 12M18 6 6 18"))),
    h("h2", { id: "panel-title" }, source.title),
    h("blockquote", { tabindex: "0" }, source.quote),
    address ? h("a", { href: address.href, target: "_blank", rel: "noopener noreferrer nofollow" }, `Open on ${address.host}`) : null ?? "",
  );
  panel.hidden = false;
  panel.querySelector("button").focus();
}

function hideSource() {
  panel.hidden = true;
  if (opener?.isConnected) opener.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  if (!panel.hidden) hideSource();
  else tell("close");
});

// --- remembering ------------------------------------------------------------------------------------------------
function keep() {
  try {
    localStorage.setItem(KEY, JSON.stringify({ id: talk.id, signed: Boolean(talk.token), at: Date.now() }));
  } catch { /* storage is blocked: the conversation lasts as long as the page */ }
}

function kept() {
  try {
    const { id, signed, at } = JSON.parse(localStorage.getItem(KEY)) || {};
    const readable = !signed || talk.token;
    return readable && Date.now() - at < KEEP_HOURS * 3600e3 ? id : null;
  } catch {
    return null;
  }
}

function clear() {
  answers.clear();
  current = null;
  const pending = [...log.querySelectorAll(".mine")].slice(-1);
  log.replaceChildren(...pending);
  hideSource();
}

function welcome() {
  const answer = new Answer(name, { onsource: showSource });
  answer.add(greeting, [{ type: "paragraph", children: [{ type: "text", text: greeting }] }], []);
  log.append(answer.element);
}

function reset() {
  talk.forget();
  state = "bot";
  notice("");
  busy(false);
  clear();
  log.replaceChildren();
  try { localStorage.removeItem(KEY); } catch { /* nothing was kept */ }
  welcome();
}

async function restore() {
  const id = kept();
  if (!id || talk.id) return;
  try {
    const seen = await talk.read(id);
    if (!seen) return;
    log.setAttribute("aria-live", "off");
    const meanwhile = [...log.querySelectorAll(".mine")];
    log.replaceChildren();
    answers.clear();
    for (const turn of seen.turns) replay(turn);
    log.append(...meanwhile);
    shown.state(seen);
    requestAnimationFrame(() => { scroll.scrollTop = scroll.scrollHeight; log.setAttribute("aria-live", "polite"); });
  } catch (why) {
    if (why instanceof Refused && why.status === 404) { try { localStorage.removeItem(KEY); } catch { /* as above */ } }
  }
}

function replay({ message, reply, author }) {
  if (message) log.append(new Said(message.title || message.text).element);
  if (!reply?.text) return;
  const answer = answerOf(message ? message.message_id : reply.message_id, author || "");
  finish(answer, author ? { ...reply, routes: [] } : reply);
}

// --- the host page ----------------------------------------------------------------------------------------------
function tell(type, more) {
  if (embedded) window.parent.postMessage({ frontdesk: type, ...more }, host);
}

function follow() {
  talk.want(document.visibilityState === "visible" && (open || state !== "bot"));
}

function paint(color) {
  if (!CSS.supports("color", color)) return;
  const probe = document.createElement("canvas").getContext("2d");
  probe.fillStyle = color;
  probe.fillRect(0, 0, 1, 1);
  const linear = [...probe.getImageData(0, 0, 1, 1).data].slice(0, 3).map((v) => (v / 255 <= 0.04045 ? v / 3294.6 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  const light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  document.documentElement.style.setProperty("--accent", color);
  document.documentElement.style.setProperty("--on", light > 0.179 ? "#111" : "#fff");
}

const heard = {
  init(data) {
    if (data.color) paint(data.color);
    if (!data.greeting) return;
    greeting = String(data.greeting);
    if (talk.id || log.childElementCount > 1) return;
    log.replaceChildren();
    welcome();
  },
  open(data) {
    open = true;
    unread = 0;
    follow();
    if (data.focus) input.focus();
    scroll.scrollTop = scroll.scrollHeight;
  },
  close() {
    open = false;
    follow();
  },
  user(data) {
    const change = subject(talk.token) !== subject(data.token);
    if (tokenCame) { tokenCame(data.token); tokenCame = null; return; }
    const before = talk.token;
    talk.token = data.token || null;
    if (before && change) reset();
    else restore();
  },
  reset,
  ask: (data) => say(String(data.text)),
};

// Who a token speaks for; only the server can tell whether that is true.
function subject(token) {
  try {
    return JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"))).sub;
  } catch {
    return null;
  }
}

window.addEventListener("message", (event) => {
  if (!embedded || event.source !== window.parent || event.origin !== host) return;
  const type = event.data?.frontdesk;
  if (Object.hasOwn(heard, type)) heard[type](event.data);
});
document.addEventListener("visibilitychange", follow);

welcome();
restore();
tell("ready");
if (!embedded) input.focus();
