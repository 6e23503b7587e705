// Draws the hall from the event's API and keeps the selection. Dials arrive as data attributes of <body>.
const hall = document.getElementById("seats");
const form = document.getElementById("pick-form");
const list = document.getElementById("picked");
const total = document.getElementById("total");
const submit = form.querySelector("button");
const chosen = new Map();
const euros = (cents) => `€${(cents / 100).toFixed(2)}`;

function element(name, className, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

function blockFor(seconds) {
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end);
}

function showSelection() {
  const seats = [...chosen.entries()].sort();
  const lines = seats.map(([seat, cents]) => {
    const line = element("li", "", `Seat ${seat}`);
    line.append(element("span", "price", euros(cents)));
    return line;
  });
  list.replaceChildren(...(lines.length ? lines : [element("li", "muted", "No seat chosen yet")]));
  total.textContent = euros(seats.reduce((sum, [, cents]) => sum + cents, 0));
  form.querySelectorAll("input[name=seat]").forEach((input) => input.remove());
  for (const [seat] of seats) {
    form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "seat", value: seat }));
  }
  submit.disabled = !seats.length;
}

function toggle(button, { seat, price_cents }) {
  blockFor(Number(document.body.dataset.slowClickS || 0));
  if (chosen.has(seat)) chosen.delete(seat);
  else if (chosen.size < 10) chosen.set(seat, price_cents);
  button.setAttribute("aria-pressed", chosen.has(seat));
  showSelection();
}

function drawSeat(place) {
  const button = element("button", `seat seat-${place.tier}`, place.seat.slice(1));
  button.type = "button";
  button.setAttribute("aria-label", `Seat ${place.seat}`);
  button.setAttribute("aria-pressed", "false");
  button.title = `${euros(place.price_cents)}`;
  button.disabled = place.status !== "free";
  Object.assign(button.dataset, { seat: place.seat, tier: place.tier, priceCents: place.price_cents });
  button.addEventListener("click", () => toggle(button, place));
  return button;
}

function drawHall(event) {
  const rows = Map.groupBy(event.seats, (place) => place.seat[0]);
  const lines = [...rows].map(([name, places]) => {
    const row = element("div", "seat-row");
    const label = element("span", "row-name", name);
    label.setAttribute("aria-hidden", "true");
    row.append(label, ...places.map(drawSeat));
    return row;
  });
  hall.replaceChildren(element("div", "podium", "Stage"), ...lines);
}

async function load() {
  const response = await fetch(`/api/events/${hall.dataset.event}`);
  if (!response.ok) throw new Error(`the seat map answered ${response.status}`);
  drawHall(await response.json());
}

load().catch((error) => {
  const alert = element("p", "alert", "The seat map is not available. Please try again later.");
  alert.setAttribute("role", "alert");
  hall.replaceChildren(alert);
  console.error(error.message);
});
