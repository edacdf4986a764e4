// Drawing: elements are made one by one and every text goes in as text; nothing is ever parsed as HTML here.

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
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

const SAFE = /^(https:\/\/|mailto:)/i;

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

// One reply on the page, growing sentence by sentence.
export class Answer {
  constructor(name, { author = "", onsource }) {
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
    const label = `Source ${number}: ${source.title}`;
    return h("button", { type: "button", class: "cite", "aria-label": label, onclick: (e) => this.onsource(source, e.currentTarget) }, String(number));
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
    const open = (source) => h("li", {}, h("button", { type: "button", class: "source", onclick: (e) => this.onsource(source, e.currentTarget) },
      h("b", {}, String(source.number)), h("span", {}, source.title)));
    if (this.sources.size) this.foot.append(h("ul", { class: "sources", "aria-label": "Sources" }, ...[...this.sources.values()].map(open)));
  }

  buttons(choices, press) {
    if (this.choices || !choices.length) return;
    this.choices = h("div", { class: "choices", role: "group", "aria-label": "Suggested answers" },
      ...choices.map((choice) => h("button", { type: "button", onclick: () => press(choice) }, choice.title)));
    this.element.append(this.choices);
  }

  votes(vote) {
    const make = (value, label, path) => h("button", { type: "button", class: "vote", "aria-label": label, "aria-pressed": "false",
      onclick: (e) => this.#voted(e.currentTarget, () => vote(value)) }, icon(path));
    this.foot.append(h("div", { class: "votes", role: "group", "aria-label": "Was this helpful?" },
      make("up", "Helpful", "M7 11v9H4v-9h3Zm0 0 4-8a2.5 2.5 0 0 1 2.5 2.5V9H19a2 2 0 0 1 2 2.3l-1.2 7a2 2 0 0 1-2 1.7H7"),
      make("down", "Not helpful", "M17 13V4h3v9h-3Zm0 0-4 8a2.5 2.5 0 0 1-2.5-2.5V15H5a2 2 0 0 1-2-2.3l1.2-7A2 2 0 0 1 6.2 4H17")));
  }

  async #voted(button, send) {
    if (!(await send())) return;
    for (const other of button.parentElement.children) other.setAttribute("aria-pressed", String(other === button));
  }
}

// What the customer said; `failed(retry)` shows that it did not go out.
export class Said {
  constructor(text) {
    this.note = h("div", { class: "foot" });
    this.element = h("article", { class: "turn mine" }, h("p", { class: "hidden" }, "You said:"), h("div", { class: "bubble" }, h("p", {}, text)), this.note);
  }

  failed(reason, retry) {
    this.element.classList.add("unsent");
    const again = retry && h("button", { type: "button", class: "again", onclick: () => { this.sent(); retry(); } }, "Try again");
    this.note.replaceChildren(h("span", { role: "alert" }, reason), again || "");
  }

  sent() {
    this.element.classList.remove("unsent");
    this.note.replaceChildren();
  }
}
