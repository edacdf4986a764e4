// The host page: an exact origin in both directions, and nothing of what was said goes out.

export function hostPage(origin, heard) {
  const embedded = origin !== "" && window.parent !== window;
  window.addEventListener("message", (event) => {
    if (!embedded || event.source !== window.parent || event.origin !== origin) return;
    const type = event.data?.frontdesk;
    if (Object.hasOwn(heard, type)) heard[type](event.data);
  });
  const tell = (type, more) => {
    if (embedded) window.parent.postMessage({ frontdesk: type, ...more }, origin);
  };
  return { embedded, tell };
}

// Who a token speaks for; only the server can tell whether that is true.
export function subject(token) {
  try {
    return JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"))).sub;
  } catch {
    return null;
  }
}

// On a small screen the chat covers the page, so the focus stays in it.
export function turnBack(event) {
  const stops = [...document.querySelectorAll("button, a[href], textarea, [tabindex='0']")].filter((stop) => !stop.disabled && stop.getClientRects().length);
  const [from, to] = event.shiftKey ? [stops[0], stops.at(-1)] : [stops.at(-1), stops[0]];
  if (document.activeElement !== from && document.activeElement !== document.body) return;
  event.preventDefault();
  to.focus();
}
