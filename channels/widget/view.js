// Drawing: elements are made one by one and every text goes in as text; nothing is ever parsed as HTML here.
import { Word, put, w } from "./words.js";

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value instanceof Word) put(element, name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  for (const child of children) {
    if (child instanceof Word && children.length === 1) put(element, "text", child);
    else if (child instanceof Word) element.append(h("span", {}, child));
    else if (child != null) element.append(child);
  }
  return element;
}

export function icon(path) {
  const make = (tag, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };
  const drawing = make("svg", { viewBox: "0 0 24 24", "aria-hidden": "true", class: "icon" });
  drawing.append(make("path", { d: path }));
  return drawing;
}

export const cross = "M6 6l12 12M18 6 6 18";
export const paperclip = "m20 11-8.2 8.2a5 5 0 0 1-7-7L13 4a3.3 3.3 0 0 1 4.7 4.7l-8.2 8.2a1.7 1.7 0 0 1-2.4-2.4L14.5 7";
const SAFE = /^(https:\/\/|mailto:)/i;
const REASONS = ["wrong", "beside", "old", "unclear"];

function link(node, cite) {
  const inner = draw(node.children, cite);
  if (!SAFE.test(node.href)) return inner;
  const anchor = h("a", { href: node.href, target: "_blank", rel: "noopener noreferrer nofollow" }, inner);
  const told = anchor.textContent.includes(node.host);
  if (!told) anchor.append(h("span", { class: "host" }, ` (${node.host})`));
  return anchor;
}

const DRAW = {
  text: (node) => document.createTextNode(node.text),
  paragraph: (node, cite) => h("p", {}, draw(node.children, cite)),
  strong: (node, cite) => h("strong", {}, draw(node.children, cite)),
  emphasis: (node, cite) => h("em", {}, draw(node.children, cite)),
  item: (node, cite) => h("li", {}, draw(node.children, cite)),
  list: (node, cite) => h(node.ordered ? "ol" : "ul", node.ordered ? { start: node.start } : {}, draw(node.children, cite)),
  code: (node) => (node.block ? h("pre", { tabindex: "0" }, h("code", {}, node.text)) : h("code", {}, node.text)),
  link,
  citation: (node, cite) => cite(node.number),
};

// Draw a node tree; `cite(number)` returns the element of a footnote.
export function draw(nodes, cite) {
  const drawn = document.createDocumentFragment();
  for (const node of nodes || []) if (Object.hasOwn(DRAW, node.type)) drawn.append(DRAW[node.type](node, cite) ?? "");
  return drawn;
}

// The files of a message, by name.
export const fileList = (files) => h("ul", { class: "files", "aria-label": w("attached") },
  ...files.map((file) => h("li", {}, icon(paperclip), h("span", {}, file.name))));

// One reply on the page, growing sentence by sentence.
export class Answer {
  constructor(name, { author = "", onsource }) {
    this.name = name;
    this.said = "";
    this.sources = new Map();
    this.onsource = onsource;
    this.body = h("div", { class: "bubble" });
    this.foot = h("div", { class: "foot" });
    const who = h("p", { class: "who" }, h("span", { class: "face", "aria-hidden": "true" }, name.slice(0, 1)), name);
    this.element = h("article", { class: author ? "turn them person" : "turn them" }, who, this.body, this.foot);
  }

  cite = (number) => {
    const source = this.sources.get(number);
    if (!source) return null;
    return h("button", { type: "button", class: "cite", "aria-label": w("sourceOf", { n: number, title: source.title }), onclick: (e) => this.onsource(source, e.currentTarget) }, String(number));
  };

  add(text, nodes, citations) {
    for (const source of citations || []) this.sources.set(source.number, source);
    this.said += text;
    const fresh = draw(nodes, this.cite);
    const [first, last] = [fresh.firstElementChild, this.body.lastElementChild];
    const joins = first && last && fresh.childElementCount === 1 && first.tagName === last.tagName;
    if (joins && /^(P|UL|OL)$/.test(first.tagName)) last.append(first.tagName === "P" ? " " : "", ...first.childNodes);
    else this.body.append(fresh);
  }

  // The whole reply is known: redraw only if what was streamed is not all of it.
  finish(reply) {
    const bare = (text) => text.replace(/\s+|\[\d+\]/g, "");
    if (bare(this.said) !== bare(reply.text)) {
      this.body.replaceChildren();
      this.said = "";
      this.add(reply.text, reply.nodes, reply.citations);
    }
    for (const source of reply.citations) this.sources.set(source.number, source);
    const titles = new Map();
    for (const source of this.sources.values()) titles.set(source.title, [...(titles.get(source.title) || []), source]);
    const open = ([title, sources]) => h("li", {}, h("button", { type: "button", class: "source", onclick: (e) => this.onsource(sources[0], e.currentTarget) },
      ...sources.flatMap((source) => [h("b", {}, String(source.number)), " "]), h("span", {}, title)));
    if (titles.size) this.foot.append(h("ul", { class: "sources", "aria-label": w("sources") }, ...[...titles].map(open)));
  }

  // What a screen reader hears: the words without the numbers of the footnotes.
  get spoken() {
    const copy = this.body.cloneNode(true);
    for (const mark of copy.querySelectorAll(".cite")) mark.remove();
    return copy.textContent.replace(/\s+/g, " ").trim();
  }

  buttons(choices, press) {
    if (this.choices || !choices.length) return;
    this.choices = h("div", { class: "choices", role: "group", "aria-label": w("suggested") },
      ...choices.map((choice) => h("button", { type: "button", onclick: () => press(choice) }, choice.title)));
    this.element.append(this.choices);
  }

  // `vote(value, reason, comment)` resolves to whether it was taken; `thank()` says so aloud.
  votes(vote, thank) {
    const make = (value, path) => h("button", { type: "button", class: "vote", "aria-label": w(value), "aria-pressed": "false",
      onclick: (e) => this.#voted(e.currentTarget, value, vote, thank) }, icon(path));
    this.foot.append(h("div", { class: "votes", role: "group", "aria-label": w("rate") },
      make("up", "M7 11v9H4v-9h3Zm0 0 4-8a2.5 2.5 0 0 1 2.5 2.5V9H19a2 2 0 0 1 2 2.3l-1.2 7a2 2 0 0 1-2 1.7H7"),
      make("down", "M17 13V4h3v9h-3Zm0 0-4 8a2.5 2.5 0 0 1-2.5-2.5V15H5a2 2 0 0 1-2-2.3l1.2-7A2 2 0 0 1 6.2 4H17")));
  }

  async #voted(button, value, vote, thank) {
    if (!(await vote(value))) return;
    for (const other of button.parentElement.children) other.setAttribute("aria-pressed", String(other === button));
    this.why?.remove();
    this.why = value === "down" ? this.#reasons(button, vote, thank) : null;
    if (!this.why) return;
    this.element.append(this.why);
    this.why.scrollIntoView({ block: "nearest" });
    this.why.querySelector("button").focus();
  }

  #reasons(opener, vote, thank) {
    let reason;
    const chips = REASONS.map((name) => h("button", { type: "button", "aria-pressed": "false", onclick: (e) => {
      reason = reason === name ? undefined : name;
      for (const chip of chips) chip.setAttribute("aria-pressed", String(chip === e.currentTarget && reason === name));
    } }, w(name)));
    const comment = h("textarea", { rows: "2", maxlength: "2000", "aria-label": w("comment"), placeholder: w("comment") });
    const sent = async (event) => {
      event.preventDefault();
      if (!(await vote("down", reason, comment.value.trim() || undefined))) return;
      form.replaceChildren(h("p", {}, w("thanks")));
      opener.focus();
      thank();
    };
    const form = h("form", { class: "why", "aria-label": w("why"), onsubmit: sent }, h("p", {}, w("why")),
      h("div", { class: "choices" }, ...chips), comment, h("button", { type: "submit", class: "again" }, w("send")));
    return form;
  }
}

// What the customer said; `failed(reason, retry)` shows that it did not go out.
export class Said {
  constructor(text, files = []) {
    this.note = h("div", { class: "foot" });
    const words = text ? h("div", { class: "bubble" }, h("p", {}, text)) : null;
    this.element = h("article", { class: "turn mine" }, h("p", { class: "hidden" }, w("said")), words, files.length ? fileList(files) : null, this.note);
  }

  failed(reason, retry) {
    this.element.classList.add("unsent");
    const again = retry && h("button", { type: "button", class: "again", onclick: retry }, w("again"));
    this.note.replaceChildren(h("span", { role: "alert" }, reason), again || "");
  }

  sent() {
    this.element.classList.remove("unsent");
    this.note.replaceChildren();
  }
}
