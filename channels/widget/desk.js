// Load the page again when something happened, without losing what is being written.
const asked = new URLSearchParams(location.search).get("id");
const address = "/inbox/version" + (asked === null ? "" : `?${new URLSearchParams({ id: asked })}`);
const box = document.querySelector("textarea");
const draft = `draft:${asked}`;
let seen = null;

if (box) {
  box.value = sessionStorage.getItem(draft) || "";
  if (box.value) box.focus();
  box.addEventListener("input", () => sessionStorage.setItem(draft, box.value));
  box.form.addEventListener("submit", () => sessionStorage.removeItem(draft));
  window.scrollTo(0, document.body.scrollHeight);
}

const look = async () => {
  const response = await fetch(address).catch(() => null);
  if (response?.status === 401) return location.reload();
  const version = response?.ok ? (await response.json()).version : seen;
  if (seen !== null && version !== seen) return location.reload();
  seen = version;
  return setTimeout(look, document.hidden ? 15000 : 3000);
};
look();
