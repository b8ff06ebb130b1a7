// Selection of an area: the viewer draws a rectangle on a pane.

/** Lets the viewer draw the rectangle with a mouse, a pen or a finger. */
export function enableAreaSelection(page) {
  const panes = document.getElementById("panes");
  const mark = Object.assign(document.createElement("div"), { className: "mark" });
  let start = null, frame = null;
  const place = (event) => {
    const box = frame.getBoundingClientRect();
    let x = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    const y = Math.min(1, Math.max(0, (event.clientY - box.top) / box.height));
    if (page.grid.mirrored) x = 1 - x;
    return [x, y];
  };
  const area = (event) => {
    const [x, y] = place(event);
    return [Math.min(x, start[0]), Math.min(y, start[1]), Math.max(x, start[0]), Math.max(y, start[1])];
  };
  panes.addEventListener("pointerdown", (event) => {
    frame = event.target.closest(".frame");
    if (frame === null || event.button !== 0 || page.source?.remote) return;
    start = place(event);
    frame.setPointerCapture(event.pointerId);
  });
  panes.addEventListener("pointermove", (event) => {
    if (start === null) return;
    const [left, top, right, bottom] = area(event);
    frame.querySelector(".turned").append(mark);
    Object.assign(mark.style, {
      left: `${100 * left}%`,
      top: `${100 * top}%`,
      width: `${100 * (right - left)}%`,
      height: `${100 * (bottom - top)}%`,
    });
  });
  const end = (event) => {
    if (start === null) return;
    const drawn = area(event);
    start = null;
    mark.remove();
    if (event.type === "pointerup") page.setArea(drawn);
  };
  panes.addEventListener("pointerup", end);
  panes.addEventListener("pointercancel", end);
}
