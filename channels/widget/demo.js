// The demo page: be one of the made-up customers, as a shop's page would sign in its own.
const signIn = async (customer) => {
  const response = await fetch("/demo/token", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ customer_id: customer }),
  });
  if (!response.ok) throw new Error(`no token for ${customer}`);
  return (await response.json()).token;
};
let signed = Promise.resolve();
const be = async (customer) => {
  sessionStorage.setItem("customer", customer);
  if (!customer) return window.frontdesk.setUser(null);
  return window.frontdesk.setUser({ token: await signIn(customer), refresh: () => signIn(customer) });
};

const choices = [...document.querySelectorAll("[data-customer]")];
for (const choice of choices) choice.addEventListener("change", () => { signed = be(choice.value); });
for (const question of document.querySelectorAll("[data-ask]")) {
  question.addEventListener("click", () => signed.finally(() => window.frontdesk.ask(question.dataset.ask)));
}
document.querySelector("button[data-open]").addEventListener("click", () => window.frontdesk.open());

window.addEventListener("load", () => {
  const before = choices.find((choice) => choice.value && choice.value === sessionStorage.getItem("customer"));
  if (!before) return;
  before.checked = true;
  signed = be(before.value);
});
