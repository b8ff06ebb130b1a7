// Full screen. A browser without it (on the iPhone) shows the page without its controls.

const byId = (id) => document.getElementById(id);

const shown = () => document.fullscreenElement ?? document.webkitFullscreenElement ?? null;

/** Returns whether the picture fills the screen or the page. */
export const isFull = () => shown() !== null || document.body.classList.contains("filled");

/** Enters or leaves the full screen; returns a message for the viewer, or "". */
export async function toggleFull() {
  const { body, documentElement: root } = document;
  if (shown()) {
    await (document.exitFullscreen ?? document.webkitExitFullscreen).call(document);
    return "";
  }
  if (body.classList.contains("filled")) {
    body.classList.remove("filled");
    return "";
  }
  try {
    await (root.requestFullscreen ?? root.webkitRequestFullscreen).call(root);
    return "";
  } catch {
    body.classList.add("filled");
    byId("leave").focus();
    return "This browser gives pages no full screen: the controls are hidden instead.";
  }
}
