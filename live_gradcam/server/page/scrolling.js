// A sign that there is more than fits.

/** Shows at the edges of what scrolls that there is more; returns what looks again. */
export function signMore(element) {
  const look = () => {
    const { scrollLeft, scrollTop, scrollWidth, scrollHeight, clientWidth, clientHeight } = element;
    element.classList.toggle("more-before", scrollLeft > 2 || scrollTop > 2);
    const after = scrollWidth - clientWidth - scrollLeft > 2 || scrollHeight - clientHeight - scrollTop > 2;
    element.classList.toggle("more-after", after);
  };
  element.addEventListener("scroll", look, { passive: true });
  // A browser leaves alone what is half in sight already.
  element.addEventListener("focusin", ({ target }) => {
    if (target.matches(":focus-visible")) target.scrollIntoView({ block: "nearest", inline: "nearest" });
  });
  new ResizeObserver(look).observe(element);
  return look;
}
