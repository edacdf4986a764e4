// The widget's own words in the reader's language; what is on the page changes with them at once.

const LANGUAGES = ["en", "es", "zh", "ar"];
const RIGHT_TO_LEFT = ["ar"];
let words = {};
let latest = 0;
export let language = "en";

// Return the first language of `wanted`, and of the browser's, that we have.
function chosen(wanted) {
  const asked = [wanted, ...navigator.languages].map((locale) => String(locale || "").slice(0, 2).toLowerCase());
  return asked.find((code) => LANGUAGES.includes(code)) || "en";
}

export async function speak(wanted) {
  const code = chosen(wanted);
  const turn = ++latest;
  const loaded = (await import(`./words-${code}.js`)).default;
  if (turn !== latest) return;
  [words, language] = [loaded, code];
  document.documentElement.lang = code === "zh" ? "zh-Hans" : code;
  document.documentElement.dir = RIGHT_TO_LEFT.includes(code) ? "rtl" : "ltr";
  for (const element of document.querySelectorAll("[data-w]")) dress(element);
}

export const t = (key, more = {}) => words[key].replace(/\{(\w+)\}/g, (_, name) => more[name] ?? "");

// A text that is still to be worded: h() of view.js puts it into an element, which then follows the language.
export class Word {
  constructor(key, more) {
    this.key = key;
    this.more = more;
  }
}
export const w = (key, more) => new Word(key, more);

export function put(element, place, word) {
  element.worded = { ...element.worded, [place]: word };
  element.dataset.w = "";
  dress(element);
}

function dress(element) {
  for (const [place, word] of Object.entries(element.worded)) {
    if (place === "text") element.textContent = t(word.key, word.more);
    else element.setAttribute(place, t(word.key, word.more));
  }
}
