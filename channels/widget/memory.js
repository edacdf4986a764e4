// What this browser remembers of a conversation, and the other tabs that show it.

const KEEP_MS = 24 * 3600e3;

export class Memory {
  // `hooks`: said(id, turn) when another tab wrote, reset() when another tab began anew.
  constructor(brand, hooks) {
    this.key = `frontdesk:${brand}`;
    this.tabs = new BroadcastChannel(this.key);
    this.tabs.addEventListener("message", ({ data }) => hooks[data.kind]?.(data.id, data.turn));
  }

  // Remember the conversation; `read` is how many answers the customer has seen.
  keep(id, signed, read) {
    try {
      localStorage.setItem(this.key, JSON.stringify({ id, signed, read, at: Date.now() }));
    } catch { /* storage is blocked: the conversation lasts as long as the page */ }
  }

  // Return {id, read} of a conversation that may be shown now, or null; a customer's own needs the customer.
  kept(signedIn) {
    try {
      const { id, signed, read, at } = JSON.parse(localStorage.getItem(this.key)) || {};
      return id && (!signed || signedIn) && Date.now() - at < KEEP_MS ? { id, read } : null;
    } catch {
      return null;
    }
  }

  drop() {
    try {
      localStorage.removeItem(this.key);
    } catch { /* nothing was kept */ }
  }

  tell(kind, id, turn) {
    this.tabs.postMessage({ kind, id, turn });
  }
}
