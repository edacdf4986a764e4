// Colours: the host page may choose some; what stands on them is worked out, so that text stays readable (WCAG 1.4.3).

const root = document.documentElement;
const dark = matchMedia("(prefers-color-scheme: dark)");
const paper = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const READABLE = 4.6;
const DERIVED = ["--accent", "--on", "--mine", "--on-mine", "--link", "--cite", "--ground", "--ink", "--raised", "--line", "--soft", "--radius"];
let look = {};

function rgb(color) {
  paper.fillStyle = "#000";
  paper.fillStyle = color;
  paper.fillRect(0, 0, 1, 1);
  return [...paper.getImageData(0, 0, 1, 1).data].slice(0, 3);
}

const css = (color) => `rgb(${color.map(Math.round).join(" ")})`;
const mix = (a, b, share) => a.map((value, at) => value + (b[at] - value) * share);

function light(color) {
  const [r, g, b] = color.map((v) => (v / 255 <= 0.04045 ? v / 3294.6 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a, b) {
  const [high, low] = [light(a), light(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

// The colour nearest to `color` that can be read on all of `grounds`.
function readable(color, grounds) {
  const end = contrast([0, 0, 0], grounds[0]) > contrast([255, 255, 255], grounds[0]) ? [0, 0, 0] : [255, 255, 255];
  for (let share = 0; share < 1; share += 0.05) {
    const tried = mix(color, end, share).map(Math.round);
    if (grounds.every((ground) => contrast(tried, ground) >= READABLE)) return tried;
  }
  return end;
}

const best = (ground) => (contrast([255, 255, 255], ground) >= READABLE ? [255, 255, 255] : [0, 0, 0]);

// Paint with {theme: auto|light|dark, accent, ground, ink, radius}; returns the accent and what stands on it.
export function paint(chosen) {
  look = chosen;
  root.dataset.theme = look.theme === "light" || look.theme === "dark" ? look.theme : dark.matches ? "dark" : "light";
  for (const name of DERIVED) root.style.removeProperty(name);
  const of = (name) => (look[name] && CSS.supports("color", look[name]) ? rgb(look[name]) : rgb(getComputedStyle(root).getPropertyValue(`--${name}`)));
  const [accent, ground] = [of("accent"), of("ground")];
  const ink = readable(of("ink"), [ground]);
  const own = Boolean(look.ground || look.ink);
  const raised = own ? mix(ground, ink, 0.06) : of("raised");
  const cite = mix(raised, accent, 0.14);
  const fill = { accent, on: best(accent), cite, link: readable(accent, [ground, raised, cite]) };
  if (look.accent) Object.assign(fill, { mine: accent, "on-mine": best(accent) });
  if (own) Object.assign(fill, { ground, ink, raised, line: mix(ground, ink, 0.16), soft: readable(mix(ink, ground, 0.3), [ground, raised]) });
  for (const [name, color] of Object.entries(fill)) root.style.setProperty(`--${name}`, css(color));
  if (look.radius && CSS.supports("border-radius", look.radius)) root.style.setProperty("--radius", look.radius);
  return { accent: css(accent), on: css(fill.on) };
}

dark.addEventListener("change", () => paint(look));
