// What is shown of the conversation: messages, the answers under them, and what a screen reader hears.
import { Answer, Said, h } from "./view.js";
import { t, w } from "./words.js";

const VOTED = new Set(["voice", "knowledge", "account"]);

// `hooks`: source(source, opener) opens a citation, pressed(choice), vote(key, value, reason, comment) -> promise.
export class Log {
  answers = new Map();
  list = h("div", { id: "log", role: "log", "aria-live": "off", "aria-label": w("log"), tabindex: "0" });
  aloud = h("div", { id: "aloud", class: "hidden", "aria-live": "polite" });
  typing = h("div", { class: "typing", hidden: true }, h("span", { class: "hidden", role: "status" }), h("i"), h("i"), h("i"));
  element = h("main", { id: "scroll" }, this.list, this.typing);
  #first = null;

  constructor(name, hooks) {
    this.name = name;
    this.hooks = hooks;
  }

  // The answer under this key; `author` wrote it, a person unless it came by itself.
  answerOf(key, author = "", automatic = false) {
    if (!this.answers.has(key)) {
      const answer = new Answer(author || this.name, { author: automatic ? "" : author, onsource: this.hooks.source });
      answer.key = key;
      this.answers.set(key, answer);
      this.#place(answer.element, key);
    }
    return this.answers.get(key);
  }

  finish(answer, reply) {
    this.stay(() => {
      answer.finish(reply);
      this.offer(answer, reply.buttons);
      if (reply.routes.some((route) => VOTED.has(route.kind))) {
        answer.votes((...vote) => this.hooks.vote(answer.key, ...vote).then(() => true, () => false), () => this.#say(t("thanks")));
      }
    });
  }

  offer(answer, buttons) {
    this.stay(() => answer?.buttons(buttons, this.hooks.pressed));
  }

  get latest() {
    return [...this.answers.values()].at(-1);
  }

  // Show what the customer said; what was offered before no longer fits.
  said(text, files, key) {
    for (const old of this.list.querySelectorAll(".turn > .choices")) old.remove();
    const said = new Said(text, files);
    this.#place(said.element, key);
    return said;
  }

  // Another tab wrote: its message stands above the answer that may have come already.
  saidElsewhere({ text, files, key }) {
    if (this.mine().some((said) => said.dataset.key === key)) return;
    const said = new Said(text, files).element;
    const answer = this.answers.get(key);
    this.#place(said, key);
    if (answer) said.after(answer.element);
    this.toEnd();
  }

  mine() {
    return [...this.list.querySelectorAll(".mine")];
  }

  // Show a conversation from before, then the messages of this page that are not in it.
  replay(turns) {
    const keys = new Set(turns.map((turn) => turn.message?.message_id));
    const meanwhile = this.mine().filter((said) => !keys.has(said.dataset.key));
    this.answers.clear();
    this.list.replaceChildren();
    for (const turn of turns) this.#again(turn);
    this.list.append(...meanwhile);
  }

  #again({ message, reply, author, automatic }) {
    const wordless = message?.files && /^\[\w+\]$/.test(message.text);
    if (message) this.said(wordless ? "" : message.title || message.text, message.files, message.message_id);
    if (!reply?.text) return;
    const answer = this.answerOf(message ? message.message_id : reply.message_id, author || "", automatic);
    this.finish(answer, author ? { ...reply, routes: [] } : reply);
  }

  clear(kept = []) {
    this.answers.clear();
    this.list.replaceChildren(...kept);
  }

  // The first word, and the questions that the page suggests.
  welcome(text, questions = []) {
    this.#first = new Answer(this.name, { onsource: this.hooks.source });
    this.#first.add(text, [{ type: "paragraph", children: [{ type: "text", text }] }], []);
    this.#first.buttons(questions.map((title) => ({ title, payload: title })), this.hooks.pressed);
    this.list.prepend(this.#first.element);
  }

  // The greeting in other words, unless the conversation has replaced it.
  rewelcome(text, questions) {
    if (!this.#first?.element.isConnected) return;
    this.#first.element.remove();
    this.welcome(text, this.mine().length ? [] : questions);
  }

  // An answer stands under its message, whatever else was written meanwhile, here or in another tab.
  #place(element, key) {
    element.dataset.key = key;
    const before = [...this.list.children].findLast((other) => other.dataset.key === key);
    if (before) before.after(element);
    else this.list.append(element);
  }

  // Change the page and stay at its end, unless the reader has scrolled away. On a low screen the whole page scrolls.
  stay(change) {
    const near = (box) => box.scrollHeight - box.scrollTop - box.clientHeight < 120;
    const follows = near(this.element) && near(document.scrollingElement);
    change();
    if (follows) this.toEnd();
  }

  toEnd() {
    for (const box of [this.element, document.scrollingElement]) box.scrollTop = box.scrollHeight;
  }

  // A screen reader hears each answer once, whole; the log itself is silent.
  announce(answer, choices = []) {
    const parts = [`${answer.name}: ${answer.spoken}`];
    if (answer.sources.size) parts.push(t("cited", { titles: [...new Set([...answer.sources.values()].map((source) => source.title))].join(", ") }));
    if (choices.length) parts.push(`${t("suggested")}: ${choices.map((choice) => choice.title).join(", ")}`);
    while (this.aloud.childElementCount > 2) this.aloud.firstChild.remove();
    this.#say(parts.join(" "));
  }

  trouble() {
    this.stay(() => this.list.append(h("p", { class: "trouble" }, w("trouble"))));
    this.#say(t("trouble"));
  }

  busy(on) {
    if (this.typing.hidden === !on) return;
    this.stay(() => { this.typing.hidden = !on; });
    this.typing.firstChild.textContent = on ? t("writing", { name: this.name }) : "";
  }

  #say(text) {
    this.aloud.append(h("p", {}, text));
  }
}
