// The chat inside the iframe: what is shown, and how it speaks with the host page and with the server.
import { Answer, Said, cross, h, icon } from "./view.js";
import { Refused, Talk, uuid } from "./talk.js";
import { Memory } from "./memory.js";
import { composer } from "./compose.js";
import { flush, forgetUnsent, unsent } from "./unsent.js";
import { hostPage, subject, turnBack } from "./host.js";
import { sourcePanel } from "./panel.js";
import { language, put, speak, t, w } from "./words.js";
import { paint } from "./theme.js";

const { brand, name, people, person: personTitle, language: ownLanguage, files: megabytes, parent: host } = document.body.dataset;
const HANDOFF = "/human_agent";
const VOTED = new Set(["voice", "knowledge", "account"]);
await speak(new URLSearchParams(location.search).get("locale"));

const heard = {
  async init(data) {
    greeting = String(data.greeting || "");
    tell("painted", paint(data));
    await speak(data.locale);
    reword();
  },
  open(data) {
    open = true;
    full = data.full;
    [unread, read] = [0, answers.size];
    tell("painted", paint(data));
    keep();
    follow();
    if (data.focus && full) heading.focus();
    else if (data.focus) write.focus();
    toEnd();
  },
  close() {
    open = false;
    panel.close();
    follow();
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
const log = h("div", { id: "log", role: "log", "aria-live": "off", "aria-label": w("log"), tabindex: "0" });
const aloud = h("div", { id: "aloud", class: "hidden", "aria-live": "polite" });
const typing = h("div", { class: "typing", hidden: true }, h("span", { class: "hidden", role: "status" }), h("i"), h("i"), h("i"));
const scroll = h("main", { id: "scroll" }, log, typing);
const banner = h("p", { id: "banner", role: "status", hidden: true });
const write = composer((text, files) => say(text, "", files), Number(megabytes));
const person = h("button", { type: "button", class: "plain", onclick: () => say(HANDOFF, person.textContent) }, icon("M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm-7 8a7 7 0 0 1 14 0"), h("span", {}, w("person")));
const close = h("button", { type: "button", class: "round", "aria-label": w("close"), title: w("close"), onclick: () => tell("close") }, icon(cross));
const anew = h("button", { type: "button", class: "round", "aria-label": w("anew"), title: w("anew"), onclick: () => { began(); write.focus(); } }, icon("M4 12a8 8 0 1 0 2.6-5.9M4 4v4.5h4.5"));
const panel = sourcePanel();
const status = h("span", {}, w("assistant"));
const heading = h("h1", { tabindex: "-1" }, name);
const title = h("div", { class: "title" }, heading, h("p", {}, h("span", { class: "dot", "aria-hidden": "true" }), status));
document.body.append(
  h("header", {}, h("span", { class: "mark", "aria-hidden": "true" }, name.slice(0, 1)), title, anew, embedded ? close : null),
  banner, scroll, h("footer", {}, write.element, h("div", { class: "row" }, people === "none" ? null : person, h("span", { class: "made" }, w("made")))), panel, aloud,
);

// --- state ------------------------------------------------------------------------------------------------------
const answers = new Map();
let current = null;
let state = "bot";
let linked = true;
let open = !embedded;
let full = false;
let unread = 0;
let read = 0;
let greeting = "";
let first = null;
let tokenCame = null;

const memory = new Memory(brand, { said: elsewhere, reset });
const talk = new Talk(brand, {
  event: (kind, data) => shown[kind]?.(data),
  link(up) { linked = up; notice(); if (up) flush(); },
  freshToken: () => (embedded ? new Promise((got) => { tokenCame = got; tell("token"); setTimeout(got, 8000, null); }) : null),
  foreign: () => clear(),
});

const shown = {
  state(data) {
    if (state !== data.state) tell("state", { state: data.state });
    state = data.state;
    notice();
    if (state === "human") busy(false);
    keep();
    follow();
  },
  typing: () => busy(true),
  sentence(data) {
    const answer = answerOf(data.message_id, data.author, data.automatic);
    if (!data.author) current = answer;
    stay(() => answer.add(data.text, data.nodes, data.citations));
    if (data.author) { busy(false); announce(answer); count(); }
  },
  buttons: (data) => stay(() => (answers.get(data.message_id) || [...answers.values()].at(-1))?.buttons(data.buttons, pressed)),
  done(reply) {
    busy(false);
    if (reply.text) {
      const answer = current || answerOf(uuid());
      finish(answer, reply);
      announce(answer, reply.buttons);
      count();
    }
    current = null;
    keep();
  },
  error() {
    busy(false);
    current = null;
    stay(() => log.append(h("p", { class: "trouble" }, w("trouble"))));
    aloud.append(h("p", {}, t("trouble")));
  },
};

function finish(answer, reply) {
  stay(() => {
    answer.finish(reply);
    answer.buttons(reply.buttons, pressed);
    if (reply.routes.some((route) => VOTED.has(route.kind))) {
      answer.votes((...vote) => talk.vote(answer.key, ...vote).then(() => true, () => false), () => aloud.append(h("p", {}, t("thanks"))));
    }
  });
}

// The answer under this key; `author` wrote it, a person unless it came by itself.
function answerOf(key, author = "", automatic = false) {
  if (!answers.has(key)) {
    const answer = new Answer(author || name, { author: automatic ? "" : author, onsource: panel.show });
    answer.key = key;
    answers.set(key, answer);
    place(answer.element, key);
  }
  return answers.get(key);
}

// An answer stands under its message, whatever else was written meanwhile, here or in another tab.
function place(element, key) {
  element.dataset.key = key;
  const before = [...log.children].findLast((other) => other.dataset.key === key);
  if (before) before.after(element);
  else log.append(element);
}

// Change the page and stay at its end, unless the reader has scrolled away. On a low screen the whole page scrolls.
function stay(change) {
  const low = document.scrollingElement;
  const near = (box) => box.scrollHeight - box.scrollTop - box.clientHeight < 120;
  const follows = near(scroll) && near(low);
  change();
  if (follows) toEnd();
}

function toEnd() {
  for (const box of [scroll, document.scrollingElement]) box.scrollTop = box.scrollHeight;
}

// A screen reader hears each answer once, whole; the log itself is silent.
function announce(answer, choices = []) {
  const parts = [`${answer.name}: ${answer.spoken}`];
  if (answer.sources.size) parts.push(t("cited", { titles: [...new Set([...answer.sources.values()].map((source) => source.title))].join(", ") }));
  if (choices.length) parts.push(`${t("suggested")}: ${choices.map((choice) => choice.title).join(", ")}`);
  while (aloud.childElementCount > 2) aloud.firstChild.remove();
  aloud.append(h("p", {}, parts.join(" ")));
}

function busy(on) {
  if (typing.hidden === !on) return;
  stay(() => { typing.hidden = !on; });
  typing.firstChild.textContent = on ? t("writing", { name }) : "";
}

function notice() {
  const text = !navigator.onLine ? t("offline") : !linked ? t("lost") : state === "bot" ? "" : t(state);
  if (banner.textContent !== text) banner.textContent = text;
  banner.hidden = !text;
  banner.className = navigator.onLine && linked ? state : "";
  put(status, "text", w(state === "human" ? "present" : "assistant"));
}

function count() {
  if (open) { read = answers.size; return; }
  unread += 1;
  tell("unread", { count: unread });
}

// --- sending ----------------------------------------------------------------------------------------------------
function say(text, label = "", files = []) {
  const message = { text, message_id: uuid(), locale: language, metadata: label ? { title: label } : {} };
  const said = new Said(label || text, files);
  dropChoices();
  place(said.element, message.message_id);
  post(message, said, files);
  toEnd();
}

// What was offered before no longer fits.
function dropChoices() {
  for (const old of log.querySelectorAll(".turn > .choices")) old.remove();
}

async function post(message, said, files) {
  said.sent();
  if (state === "bot") busy(true);
  try {
    if (files.length) message.files ??= await Promise.all(files.map((file) => talk.leave(file)));
    await talk.send(message);
    keep();
    memory.tell("said", talk.id, { key: message.message_id, text: message.metadata.title || message.text, files: files.map((file) => ({ name: file.name })) });
  } catch (why) {
    busy(false);
    unsent(why, said, () => post(message, said, files));
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
  if (talk.id) memory.keep(talk.id, Boolean(talk.token), open ? answers.size : read);
}

function clear() {
  answers.clear();
  current = null;
  const pending = [...log.querySelectorAll(".mine")].slice(-1);
  log.replaceChildren(...pending);
  panel.close();
}

function welcome() {
  const text = greeting || t("hello", { name });
  first = new Answer(name, { onsource: panel.show });
  first.add(text, [{ type: "paragraph", children: [{ type: "text", text }] }], []);
  log.prepend(first.element);
}

function reset() {
  talk.forget();
  forgetUnsent();
  [state, unread, read] = ["bot", 0, 0];
  notice();
  busy(false);
  clear();
  log.replaceChildren();
  memory.drop();
  welcome();
  tell("unread", { count: 0 });
}

// The customer, or the page, begins anew: the other tabs too.
function began() {
  reset();
  memory.tell("reset");
}

async function restore() {
  const known = memory.kept(Boolean(talk.token));
  if (!known || talk.id) return;
  try {
    const seen = await talk.read(known.id);
    if (!seen) return;
    const meanwhile = [...log.querySelectorAll(".mine")].filter((said) => !seen.turns.some((turn) => turn.message?.message_id === said.dataset.key));
    log.replaceChildren();
    answers.clear();
    for (const turn of seen.turns) replay(turn);
    log.append(...meanwhile);
    read = known.read ?? answers.size;
    unread = open ? 0 : Math.max(0, answers.size - read);
    if (unread) tell("unread", { count: unread });
    shown.state(seen);
    requestAnimationFrame(toEnd);
  } catch (why) {
    if (why instanceof Refused && why.status === 404) memory.drop();
  }
}

function replay({ message, reply, author, automatic }) {
  dropChoices();
  const wordless = message?.files && /^\[\w+\]$/.test(message.text);
  if (message) place(new Said(wordless ? "" : message.title || message.text, message.files).element, message.message_id);
  if (!reply?.text) return;
  const answer = answerOf(message ? message.message_id : reply.message_id, author || "", automatic);
  finish(answer, author ? { ...reply, routes: [] } : reply);
}

// Another tab wrote: show it here, in the same conversation.
function elsewhere(id, turn) {
  if (talk.id !== id) {
    if (memory.kept(Boolean(talk.token))?.id !== id) return;
    if (talk.id) { talk.forget(); clear(); }
    restore();
  } else if (![...log.children].some((said) => said.dataset.key === turn.key && said.matches(".mine"))) {
    const said = new Said(turn.text, turn.files).element;
    const answer = answers.get(turn.key);
    place(said, turn.key);
    if (answer) said.after(answer.element);
    toEnd();
  }
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
  if (first?.element.isConnected) {
    first.element.remove();
    welcome();
  }
}

document.addEventListener("visibilitychange", follow);
window.addEventListener("offline", notice);
window.addEventListener("online", () => { notice(); talk.hurry(); flush(); });

paint({});
welcome();
reword();
restore();
tell("ready", { talking: memory.kept(true) !== null });
if (!embedded) write.focus();
