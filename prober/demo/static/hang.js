// The dial `hang`: the page loads, paints, and then its script never yields again.
addEventListener("load", () => {
  setTimeout(() => {
    for (;;);
  }, 100);
});
