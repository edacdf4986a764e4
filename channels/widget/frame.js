// The chat inside the iframe: what is shown, and how it speaks with the host page and with the server.
import { cross, h, icon } from "./view.js";
import { Refused, Talk, uuid } from "./talk.js";
import { Log } from "./log.js";
import { Memory } from "./memory.js";
import { composer } from "./compose.js";
import { Unsent } from "./unsent.js";
import { hostPage, subject, turnBack } from "./host.js";
import { sourcePanel } from "./panel.js";
import { language, put, speak, t, w } from "./words.js";
import { paint } from "./theme.js";

const { brand, name, people, person: personTitle, language: ownLanguage, files: megabytes, parent: host } = document.body.dataset;
const HANDOFF = "/human_agent";
await speak(new URLSearchParams(location.search).get("locale"));

const heard = {
  async init(data) {
    greeting = String(data.greeting || "");
    questions = String(data.questions || "").split("|").map((one) => one.trim()).filter(Boolean);
    tell("painted", paint(data));
    await speak(data.locale);
    reword();
  },
  open(data) {
    open = true;
    full = data.full;
    [unread, read] = [0, log.answers.size];
    tell("painted", paint(data));
    keep();
    follow();
    if (data.focus && full) heading.focus();
    else if (data.focus) write.focus();
    log.toEnd();
  },
  close(data) {
    open = false;
    panel.close();
    follow();
    // What came after the press, and before the word of it, was never seen.
    if (came > data.at) { read -= 1; count(); }
  },
  size: (data) => { full = data.full; },
  async locale(data) {
    await speak(data.locale);
    reword();
  },
  user(data) {
    const change = subject(talk.token) !== subject(data.token);
    if (tokenCame) { tokenCame(data.token); tokenCame = null; return; }
    const before = talk.token;
    talk.token = data.token || null;
    if (before && change) reset();
    else restore();
  },
  reset: began,
  ask: (data) => say(String(data.text)),
};
const { embedded, tell } = hostPage(host, heard);

// --- the page ---------------------------------------------------------------------------------------------------
const panel = sourcePanel();
const log = new Log(name, { source: panel.show, pressed, vote: (...vote) => talk.vote(...vote) });
const banner = h("p", { id: "banner", role: "status", hidden: true });
const write = composer((text, files) => say(text, "", files), Number(megabytes));
const person = h("button", { type: "button", class: "plain", onclick: () => say(HANDOFF, person.textContent) }, icon("M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm-7 8a7 7 0 0 1 14 0"), h("span", {}, w("person")));
const close = h("button", { type: "button", class: "round", "aria-label": w("close"), title: w("close"), onclick: () => tell("close") }, icon(cross));
const anew = h("button", { type: "button", class: "round", "aria-label": w("anew"), title: w("anew"), onclick: () => { began(); write.focus(); } }, icon("M4 12a8 8 0 1 0 2.6-5.9M4 4v4.5h4.5"));
const status = h("span", {}, w("assistant"));
const heading = h("h1", { tabindex: "-1" }, name);
const title = h("div", { class: "title" }, heading, h("p", {}, h("span", { class: "dot", "aria-hidden": "true" }), status));
document.body.append(
  h("header", {}, h("span", { class: "mark", "aria-hidden": "true" }, name.slice(0, 1)), title, anew, embedded ? close : null),
  banner, log.element, h("footer", {}, write.element, h("div", { class: "row" }, people === "none" ? null : person, h("span", { class: "made" }, w("made")))), panel, log.aloud,
);

// --- state ------------------------------------------------------------------------------------------------------
let current = null;
let state = "bot";
let linked = true;
let open = !embedded;
let full = false;
let unread = 0;
let came = 0;  // when the last answer was shown in an open window
let read = 0;
let greeting = "";
let questions = [];
let tokenCame = null;

const unsent = new Unsent(brand);
const memory = new Memory(brand, { said: elsewhere, reset });
const talk = new Talk(brand, {
  event: (kind, data) => shown[kind]?.(data),
  link(up) { linked = up; notice(); if (up) unsent.flush(); },
  freshToken: () => (embedded ? new Promise((got) => { tokenCame = got; tell("token"); setTimeout(got, 8000, null); }) : null),
  foreign: () => clear(),
});

const shown = {
  state(data) {
    if (state !== data.state) tell("state", { state: data.state });
    state = data.state;
    notice();
    if (state === "human") log.busy(false);
    keep();
    follow();
  },
  typing: () => log.busy(true),
  sentence(data) {
    const answer = log.answerOf(data.message_id, data.author, data.automatic);
    if (!data.author) current = answer;
    log.stay(() => answer.add(data.text, data.nodes, data.citations));
    if (data.author) { log.busy(false); log.announce(answer); count(); }
  },
  buttons: (data) => log.offer(log.answers.get(data.message_id) || log.latest, data.buttons),
  done(reply) {
    log.busy(false);
    if (reply.text) {
      const answer = current || log.answerOf(uuid());
      log.finish(answer, reply);
      log.announce(answer, reply.buttons);
      count();
    }
    current = null;
    keep();
  },
  error() {
    log.busy(false);
    current = null;
    log.trouble();
  },
};

function notice() {
  const text = !navigator.onLine ? t("offline") : !linked ? t("lost") : state === "bot" ? "" : t(state);
  if (banner.textContent !== text) banner.textContent = text;
  banner.hidden = !text;
  banner.className = navigator.onLine && linked ? state : "";
  put(status, "text", w(state === "human" ? "present" : "assistant"));
}

function count() {
  if (open) { [read, came] = [log.answers.size, Date.now()]; return; }
  unread += 1;
  tell("unread", { count: unread });
}

// --- sending ----------------------------------------------------------------------------------------------------
function say(text, label = "", files = []) {
  post({ text, message_id: uuid(), locale: language, metadata: label ? { title: label } : {} }, files);
}

// Show a message and send it. Without files it is kept until the server has it, for this page to send after a reload.
function post(message, files = []) {
  const said = log.said(message.metadata.title || message.text, files, message.message_id);
  if (!files.length) unsent.keep(message, subject(talk.token));
  send(message, said, files);
  log.toEnd();
}

async function send(message, said, files) {
  said.sent();
  if (state === "bot") log.busy(true);
  try {
    if (files.length) message.files ??= await Promise.all(files.map((file) => talk.leave(file)));
    await talk.send(message);
    unsent.drop(message);
    keep();
    memory.tell("said", talk.id, { key: message.message_id, text: message.metadata.title || message.text, files: files.map((file) => ({ name: file.name })) });
  } catch (why) {
    log.busy(false);
    log.stay(() => unsent.failed(why, message, said, () => send(message, said, files)));
  }
}

function pressed(choice) {
  say(choice.payload, choice.title);
  write.focus();
}

document.addEventListener("keydown", (event) => {
  if (panel.open) return;
  if (event.key === "Escape") tell("close");
  if (event.key === "Tab" && full) turnBack(event);
});

// --- remembering ------------------------------------------------------------------------------------------------
function keep() {
  if (talk.id) memory.keep(talk.id, Boolean(talk.token), open ? log.answers.size : read);
}

function clear() {
  current = null;
  log.clear(log.mine().slice(-1));
  panel.close();
}

function reset() {
  talk.forget();
  unsent.forget();
  [state, unread, read] = ["bot", 0, 0];
  notice();
  log.busy(false);
  clear();
  log.clear();
  memory.drop();
  log.welcome(hello(), questions);
  tell("unread", { count: 0 });
}

// The customer, or the page, begins anew: the other tabs too.
function began() {
  reset();
  memory.tell("reset");
}

// Take up the conversation from before, and send what the server does not have of it.
async function restore() {
  const known = memory.kept(Boolean(talk.token));
  try {
    const seen = known && !talk.id ? await talk.read(known.id) : null;
    if (seen) resume(seen, known);
  } catch (why) {
    if (why instanceof Refused && why.status === 404) memory.drop();
  }
  const there = new Set(log.mine().map((said) => said.dataset.key));
  for (const message of unsent.kept(subject(talk.token))) {
    if (!there.has(message.message_id)) post(message);
  }
}

function resume(seen, known) {
  log.replay(seen.turns);
  for (const turn of seen.turns) if (turn.message) unsent.drop(turn.message);
  read = known.read ?? log.answers.size;
  unread = open ? 0 : Math.max(0, log.answers.size - read);
  if (unread) tell("unread", { count: unread });
  shown.state(seen);
  requestAnimationFrame(() => log.toEnd());
}

// Another tab wrote: show it here, in the same conversation.
function elsewhere(id, turn) {
  if (talk.id === id) { log.saidElsewhere(turn); return; }
  if (memory.kept(Boolean(talk.token))?.id !== id) return;
  if (talk.id) { talk.forget(); clear(); }
  restore();
}

// --- the window -------------------------------------------------------------------------------------------------
function follow() {
  talk.want(document.visibilityState === "visible" && (open || state !== "bot"));
}

// What no element carries by itself is worded again when the language changes.
function reword() {
  notice();
  const own = personTitle && language === ownLanguage;
  if (own) person.lastChild.textContent = personTitle;
  log.rewelcome(hello(), questions);
}

function hello() {
  return greeting || t("hello", { name });
}

document.addEventListener("visibilitychange", follow);
window.addEventListener("offline", notice);
window.addEventListener("online", () => { notice(); talk.hurry(); unsent.flush(); });

paint({});
log.welcome(hello());
reword();
restore();
tell("ready", { talking: memory.kept(true) !== null });
if (!embedded) write.focus();
