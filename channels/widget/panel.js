// A citation, opened: the quote word for word, and where it stands.
import { cross, h, icon } from "./view.js";
import { w } from "./words.js";

export function sourcePanel() {
  let opener = null;
  const panel = h("dialog", { id: "panel", "aria-labelledby": "panel-title", onclick: (event) => { if (event.target === panel) panel.close(); } });
  panel.addEventListener("close", () => { if (opener?.isConnected) opener.focus(); });

  // Open on a source; the focus goes back to `from`.
  panel.show = (source, from) => {
    opener = from;
    const address = /^https:\/\//i.test(source.url) ? new URL(source.url) : null;
    panel.replaceChildren(
      h("div", { class: "panel-head" }, h("p", {}, w("source", { n: source.number })), h("button", { type: "button", class: "round", "aria-label": w("closeSource"), onclick: () => panel.close() }, icon(cross))),
      h("h2", { id: "panel-title" }, source.title),
      h("blockquote", { tabindex: "0" }, source.quote),
      address ? h("a", { href: address.href, target: "_blank", rel: "noopener noreferrer nofollow" }, w("openOn", { host: address.host })) : "",
    );
    panel.showModal();
  };
  return panel;
}
