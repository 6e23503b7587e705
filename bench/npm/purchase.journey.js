// checks/purchase.py, call by call, as a journey of @elastic/synthetics.
const { journey, step, expect } = require("@elastic/synthetics");

const EVENT = "Aurora Symphony";

journey("purchase", ({ page, params }) => {
  const orders = [];
  let total;
  page.on("request", (request) => {
    const navigation = request.isNavigationRequest() && request.method() === "GET";
    if (navigation && request.url().includes("/orders/EC-")) orders.push(request.url());
  });

  step("Browse events", async () => {
    await page.goto(`${params.shop}/`);
    await expect(page).toHaveTitle("EventChain Tickets");
  });

  step("Open an event", async () => {
    await page.getByRole("link", { name: EVENT }).first().click();
    await expect(page.getByRole("heading", { name: EVENT, level: 1 })).toBeVisible();
    const free = page.locator("button.seat:enabled");
    await expect(free.or(page.getByText("Sold out")).first()).toBeVisible();
    expect(await free.count()).toBeGreaterThan(0);
  });

  step("Choose seats", async () => {
    let cents = 0;
    for (const number of [0, 1]) {
      const seat = page.locator("button.seat:enabled").nth(-1 - number);
      await seat.click();
      await expect(seat).toHaveAttribute("aria-pressed", "true");
      cents += Number(await seat.getAttribute("data-price-cents"));
    }
    total = `€${(cents / 100).toFixed(2)}`;
    await expect(page.getByTestId("selection-total")).toHaveText(total);
    await page.getByRole("button", { name: "Add to cart" }).click();
    await expect(page.getByTestId("cart-total")).toHaveText(total);
  });

  step("Continue as guest", async () => {
    await page.getByRole("link", { name: "Checkout" }).click();
    await page.getByLabel("Send tickets to").fill("synthetic@eventchain.example");
    await page.getByRole("button", { name: "Continue as guest" }).click();
    await page.getByLabel("Full name").fill("Synthetic Buyer");
  });

  step("Choose delivery", async () => {
    await page.getByLabel("E-ticket by email").check();
    await page.getByRole("button", { name: "Continue to payment" }).click();
    await expect(page.getByRole("heading", { name: "Payment" })).toBeVisible();
  });

  step("Pay by card", async () => {
    await page.getByLabel("Card number").fill("4242 4242 4242 4242");
    await page.getByLabel("Expiry date").fill("12/34");
    await page.getByLabel("Security code").fill("123");
    await page.getByRole("button", { name: `Pay ${total}` }).click();
    const booked = page.getByRole("heading", { name: "Thank you, your tickets are booked" });
    const refused = page.getByRole("alert").filter({ visible: true });
    await expect(booked.or(refused)).toBeVisible({ timeout: 15000 });
    expect(await refused.count()).toBe(0);
  });

  step("Confirmation", async () => {
    await expect(page.getByTestId("order-number")).toHaveText(/^EC-[A-Z2-7]{8}$/);
    await expect(page.getByTestId("order-total")).toHaveText(total);
    await expect(page.getByRole("img", { name: "E-ticket for seat" })).toHaveCount(2);
  });

  step("Cancel the order", async () => {
    await page.goto(orders[0]);
    await page.getByRole("button", { name: "Cancel order" }).click();
    await expect(page.getByTestId("order-status")).toHaveText("cancelled");
  });
});
