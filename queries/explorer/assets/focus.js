// A row of a table keeps the keyboard's focus when the table is drawn anew: rows are known by their data-key.
(() => {
  let row = null;
  let link = 0;
  const rowOf = (element) => element && element.closest && element.closest("[data-key]");
  document.addEventListener("focusin", (event) => {
    const now = rowOf(event.target);
    row = now && now.dataset.key;
    link = now ? [...now.querySelectorAll("a")].indexOf(event.target) : 0;
  });
  // Who clicks beside all links does not want the focus back.
  document.addEventListener("pointerdown", () => { row = null; });
  new MutationObserver(() => {
    if (row === null) return;
    const now = rowOf(document.activeElement);
    if (now ? now.dataset.key === row : document.activeElement !== document.body) return;
    const again = [...document.querySelectorAll("[data-key]")].find((one) => one.dataset.key === row);
    const links = again ? again.querySelectorAll("a") : [];
    if (links.length) links[Math.min(link, links.length - 1)].focus();
  }).observe(document.documentElement, { attributeFilter: ["data-key"], attributes: true, childList: true, subtree: true });
})();
