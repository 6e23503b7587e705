// Delivery and payment are two routes of one document; the way between them is a soft navigation.
const view = document.getElementById("view");
const alertLine = document.getElementById("alert");
const items = JSON.parse(document.getElementById("cart").textContent);
const delivery = {};

function show(route) {
  const payment = route === "/checkout/payment" && delivery.name;
  view.replaceChildren(document.getElementById(payment ? "payment" : "delivery").content.cloneNode(true));
  document.getElementById("progress-delivery").className = payment ? "done" : "current";
  document.getElementById("progress-payment").className = payment ? "current" : "";
  alertLine.hidden = true;
  const form = view.querySelector("form");
  for (const field of ["name", "delivery"]) {
    if (delivery[field] && form.elements[field]) form.elements[field].value = delivery[field];
  }
  form.addEventListener("submit", payment ? pay : continueToPayment);
}

function refuse(message) {
  alertLine.textContent = message;
  alertLine.hidden = false;
}

function continueToPayment(submission) {
  submission.preventDefault();
  Object.assign(delivery, Object.fromEntries(new FormData(submission.target)));
  history.pushState({}, "", "/checkout/payment");
  show("/checkout/payment");
}

async function order(card) {
  const response = await fetch("/api/orders", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ items, ...delivery, card }),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.message);
  return answer;
}

async function pay(submission) {
  submission.preventDefault();
  const form = submission.target;
  const button = form.querySelector("button");
  button.disabled = true;
  alertLine.hidden = true;
  try {
    location.assign((await order(Object.fromEntries(new FormData(form)))).url);
  } catch (error) {
    refuse(error instanceof TypeError ? "The shop could not be reached. Please try again." : error.message);
    button.disabled = false;
  }
}

addEventListener("popstate", () => show(location.pathname));
if (location.pathname !== "/checkout") history.replaceState({}, "", "/checkout");
show("/checkout");
