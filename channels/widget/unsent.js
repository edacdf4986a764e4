// Messages that did not go out: why, in kind words, and when each is tried again.
import { Refused } from "./talk.js";
import { language, t } from "./words.js";

const SOON_SECONDS = 120;
const MAY_PASS = [401, 408, 429];
const held = new Set();

// What may pass is tried again: after the time the server names, or when the network is back.
export function unsent(why, said, again) {
  const refused = why instanceof Refused;
  if (refused && why.status < 500 && !MAY_PASS.includes(why.status)) {
    said.failed((language === "en" && why.message) || t("refused"), null);
    return;
  }
  const soon = refused && why.wait > 0 && why.wait <= SOON_SECONDS;
  const once = () => { if (held.delete(once)) again(); };
  held.add(once);
  if (soon) setTimeout(once, why.wait * 1000);
  said.failed(soon ? t("busy", { n: why.wait }) : why.status === 429 ? t("later") : t("unsent"), once);
}

export function flush() {
  for (const again of [...held]) again();
}

export function forgetUnsent() {
  held.clear();
}
