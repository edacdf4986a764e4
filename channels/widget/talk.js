// The wire: one stream at a time over fetch, resumed by Last-Event-ID, so that nothing is missed or shown twice.

export class Refused extends Error {
  constructor(status, code, message, wait) {
    super(message);
    this.status = status;
    this.code = code;
    this.wait = wait;  // the seconds the server asks us to wait, 0 for none named
  }
}

const sleep = (ms, signal) => new Promise((done) => {
  const timer = setTimeout(done, ms);
  signal?.addEventListener("abort", () => { clearTimeout(timer); done(); });
});

export function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const b = crypto.getRandomValues(new Uint8Array(16));
  b[6] = (b[6] & 15) | 64;
  b[8] = (b[8] & 63) | 128;
  const hex = [...b].map((n) => n.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

async function refusal(response) {
  const { error = {} } = await response.json().catch(() => ({}));
  return new Refused(response.status, error.code || "", error.message || "", Number(response.headers.get("Retry-After")) || 0);
}

// Yield {id, kind, data} for each server-sent event of a response.
async function* eventsOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (text + value).split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const fields = {};
      for (const line of block.split("\n")) if (!line.startsWith(":")) fields[line.slice(0, line.indexOf(":"))] = line.slice(line.indexOf(":") + 2);
      if (fields.event) yield { id: Number(fields.id) || 0, kind: fields.event, data: JSON.parse(fields.data) };
    }
  }
}

// One conversation with the server. `hooks`: event(kind, data), link(up), freshToken() -> promise, foreign().
export class Talk {
  id = null;
  last = 0;
  token = null;
  wanted = false;
  #stream = null;
  #line = Promise.resolve();
  #failures = 0;

  constructor(brand, hooks) {
    this.brand = brand;
    this.hooks = hooks;
  }

  forget() {
    this.#stop();
    this.id = null;
    this.last = 0;
  }

  // Follow the conversation while `wanted`; a turn that is streaming already carries everything.
  want(wanted) {
    this.wanted = wanted;
    if (!wanted && this.#stream?.following) this.#stop();
    if (wanted && this.id && !this.#stream) this.#follow();
  }

  // Send one message, after those before it; resolves once the server has it, throws Refused or TypeError.
  send(message) {
    const sent = this.#line.then(() => this.#post(message));
    this.#line = sent.catch(() => {});
    return sent;
  }

  // Take up a conversation from before: return what was said, and go on from there; messages wait for it.
  read(id) {
    const read = this.#line.then(() => this.#read(id));
    this.#line = read.catch(() => {});
    return read;
  }

  async #read(id) {
    if (this.id) return null;
    const response = await this.#renewing(() => fetch(`/api/conversations/${id}`, { headers: this.#proof() }));
    const seen = await response.json();
    this.id = id;
    this.last = seen.position;
    return seen;
  }

  // Leave one file with the server; returns the id under which a message may name it.
  async leave(file) {
    const query = new URLSearchParams({ name: file.name, ...(this.id && { conversation_id: this.id }) });
    const response = await this.#renewing(() => fetch(`/api/files?${query}`, { method: "POST", headers: this.#proof(), body: file }));
    return (await response.json()).file_id;
  }

  // Go on following at once, after the network came back.
  hurry() {
    this.#failures = 0;
    if (this.#stream?.following) this.#stop();
    this.want(this.wanted);
  }

  async vote(message_id, value, reason, comment) {
    const body = JSON.stringify({ conversation_id: this.id, message_id, value, reason, comment });
    await this.#renewing(() => fetch("/api/feedback", { method: "POST", headers: this.#proof(), body }));
  }

  #proof(more = {}) {
    return this.token ? { ...more, Authorization: `Bearer ${this.token}` } : more;
  }

  async #renewing(ask) {
    let response = await ask();
    if (response.status === 401) {
      const why = await refusal(response);
      this.token = await this.hooks.freshToken();
      if (!this.token) throw why;
      response = await ask();
    }
    if (!response.ok) throw await refusal(response);
    return response;
  }

  #stop() {
    this.#stream?.abort();
    this.#stream = null;
  }

  async #post(message) {
    const stream = new AbortController();
    const ask = () => fetch("/api/chat", {
      method: "POST",
      headers: { Accept: "text/event-stream", "Content-Type": "application/json", ...(this.id && { "Last-Event-ID": this.last }) },
      body: JSON.stringify({ ...message, brand: this.brand, ...(this.id && { conversation_id: this.id }), ...(this.token && { token: this.token }) }),
      signal: stream.signal,
    });
    this.#stop();
    this.#stream = stream;
    let response;
    try {
      response = await this.#renewing(ask).catch((why) => {
        if (!this.id || !["unknown_conversation", "not_yours"].includes(why.code)) throw why;
        this.forget();
        this.#stream = stream;
        this.hooks.foreign();
        return this.#renewing(ask);
      });
    } catch (why) {
      this.#ended(stream);
      throw why;
    }
    const events = eventsOf(response);
    const { value: first } = await events.next();
    if (!first) throw new TypeError("cut off");
    this.id = first.data.conversation_id;
    this.hooks.event("state", first.data);
    this.#drain(events, stream);
  }

  async #drain(events, stream) {
    try {
      for await (const event of events) this.#take(event);
    } catch { /* what is missing comes with #follow */ }
    this.#ended(stream);
  }

  #ended(stream) {
    if (this.#stream !== stream) return;
    this.#stream = null;
    if (this.wanted && this.id) this.#follow();
  }

  #take({ id, kind, data }) {
    if (!id && kind === "error") throw new TypeError(data.message);
    if (id && id <= this.last) return;
    if (id) this.last = id;
    this.hooks.event(kind, data);
  }

  async #follow() {
    const stream = new AbortController();
    stream.following = true;
    this.#stream = stream;
    while (this.#stream === stream) {
      try {
        const response = await this.#renewing(() => fetch(`/api/conversations/${this.id}/events`, {
          headers: this.#proof({ "Last-Event-ID": this.last }), signal: stream.signal }));
        this.#failures = 0;
        this.hooks.link(true);
        for await (const event of eventsOf(response)) this.#take(event);
      } catch (why) {
        if (this.#stream !== stream) return;
        if (why instanceof Refused && why.status < 500 && why.status !== 429) { this.#stop(); return; }
        this.hooks.link(false);
      }
      await sleep(Math.min(30000, 1000 * 2 ** this.#failures++), stream.signal);
    }
  }
}
