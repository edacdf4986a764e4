// Where the customer writes: the text, and the pictures and PDFs that go with it.
import { h, icon, paperclip } from "./view.js";
import { t, w } from "./words.js";

const TYPES = ["image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf"];
const MOST = 4;
const TALLEST = 140;

// `send(text, files)` is called with what was written; `megabytes` is the largest file, 0 for none at all.
export function composer(send, megabytes) {
  let chosen = [];
  const input = h("textarea", { id: "text", rows: "1", maxlength: "8000", placeholder: w("placeholder"), "aria-label": w("message"), autocomplete: "off" });
  const submit = h("button", { type: "submit", class: "send", "aria-label": w("send"), disabled: true }, icon("M12 19V5M5.5 11.5 12 5l6.5 6.5"));
  const picker = h("input", { type: "file", accept: TYPES.join(","), multiple: true, hidden: true, tabindex: "-1", onchange: () => { add(picker.files); picker.value = ""; } });
  const clip = h("button", { type: "button", class: "round", "aria-label": w("attach"), title: w("attach"), onclick: () => picker.click() }, icon(paperclip));
  const chips = h("ul", { class: "files", "aria-label": w("attached"), hidden: true });
  const trouble = h("p", { class: "trouble", role: "alert", hidden: true });
  const form = h("form", { "aria-label": w("compose"), onsubmit: submitted }, megabytes ? clip : null, input, submit, picker);

  function complain(key, more) {
    trouble.hidden = !key;
    trouble.textContent = key ? t(key, more) : "";
  }

  function add(files) {
    complain("");
    for (const file of files) {
      if (chosen.length >= MOST) complain("many", { n: MOST });
      else if (!TYPES.includes(file.type)) complain("unknown", { file: file.name });
      else if (file.size > megabytes * 1048576) complain("large", { file: file.name, mb: megabytes });
      else chosen.push(file);
    }
    list();
  }

  function list() {
    const chip = (file) => h("li", {}, h("span", {}, file.name),
      h("button", { type: "button", "aria-label": w("remove", { file: file.name }), onclick: () => { chosen = chosen.filter((other) => other !== file); list(); input.focus(); } }, icon("M6 6l12 12M18 6 6 18")));
    chips.replaceChildren(...chosen.map(chip));
    chips.hidden = !chosen.length;
    typed();
  }

  function typed() {
    submit.disabled = !input.value.trim() && !chosen.length;
    input.style.height = "auto";
    input.style.height = `${Math.min(input.scrollHeight, TALLEST)}px`;
  }

  function submitted(event) {
    event.preventDefault();
    const [text, files] = [input.value.trim(), chosen];
    if (!text && !files.length) return;
    input.value = "";
    chosen = [];
    complain("");
    list();
    send(text, files);
  }

  input.addEventListener("input", typed);
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  input.addEventListener("paste", (event) => {
    if (!megabytes || !event.clipboardData.files.length) return;
    event.preventDefault();
    add(event.clipboardData.files);
  });
  return { element: h("div", {}, trouble, chips, form), focus: () => input.focus() };
}
