// The dial `layout_shift`: an advert without reserved space pushes the page down after it was painted.
addEventListener("load", () => {
  setTimeout(() => {
    const banner = document.createElement("aside");
    banner.className = "late-banner";
    banner.textContent = "Last chance: the season pass ends tonight";
    document.getElementById("content").before(banner);
  }, 300);
});
