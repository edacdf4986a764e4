// Messages that the server does not have yet: kept in this browser until it has them, and tried again.
import { Refused } from "./talk.js";
import { language, t } from "./words.js";

const SOON_SECONDS = 120;
const MAY_PASS = [401, 408, 429];
const KEEP_MS = 24 * 3600e3;

export class Unsent {
  #held = new Set();

  constructor(brand) {
    this.key = `frontdesk:${brand}:unsent`;
  }

  // Keep a message of `who`, null for nobody known, until `drop`.
  keep(message, who) {
    this.drop(message);
    this.#store([...this.#read(), { message, who, at: Date.now() }]);
  }

  drop(message) {
    this.#store(this.#read().filter((kept) => kept.message.message_id !== message.message_id));
  }

  // The messages that `who` wrote and that were not taken when the page went away.
  kept(who) {
    return this.#read().filter((kept) => kept.who === who && Date.now() - kept.at < KEEP_MS).map((kept) => kept.message);
  }

  // What may pass is tried again, after the time the server names or when the network is back; all else is given up.
  failed(why, message, said, again) {
    const refused = why instanceof Refused;
    if (refused && why.status < 500 && !MAY_PASS.includes(why.status)) {
      this.drop(message);
      said.failed((language === "en" && why.message) || t("refused"), null);
      return;
    }
    const soon = refused && why.wait > 0 && why.wait <= SOON_SECONDS;
    const once = () => { if (this.#held.delete(once)) again(); };
    this.#held.add(once);
    if (soon) setTimeout(once, why.wait * 1000);
    said.failed(soon ? t("busy", { n: why.wait }) : why.status === 429 ? t("later") : t("unsent"), once);
  }

  flush() {
    for (const again of [...this.#held]) again();
  }

  forget() {
    this.#held.clear();
    this.#store([]);
  }

  #read() {
    try {
      return JSON.parse(localStorage.getItem(this.key)) || [];
    } catch {
      return [];
    }
  }

  #store(all) {
    try {
      if (all.length) localStorage.setItem(this.key, JSON.stringify(all));
      else localStorage.removeItem(this.key);
    } catch { /* storage is blocked: a message lasts as long as the page */ }
  }
}
