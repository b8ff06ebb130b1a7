// The report of an audit in a server: fetched with the token, and with links to the live view.

import { fetchJson } from "./connection.js";

/** Returns the address of the live view that opens a photograph of the report; `hash` holds the token. */
export function liveAddress(number, hash) {
  return `/?photo=${number}${hash}`;
}

/** Returns what a link to the live view is called; `about` is the text of the picture for those who do not see it. */
export function liveTitle(about) {
  const name = about.split(": ")[0];
  return name ? `Open ${name} in the live view` : "Open in the live view";
}

/** Puts a link below each photograph, and beside the heading of each cluster one to its nearest photograph. */
export function addLiveLinks(root, hash) {
  for (const figure of root.querySelectorAll("figure[data-photo]")) {
    const { photo } = figure.dataset;
    const about = figure.querySelector("img")?.alt ?? figure.querySelector("[aria-label]")?.getAttribute("aria-label") ?? "";
    const link = liveLink(photo, hash, "live view");
    link.setAttribute("aria-label", `${liveTitle(about)} (live view)`);
    figure.append(link);
  }
  for (const heading of root.querySelectorAll(".sheet > h3")) {
    const first = heading.parentElement.querySelector("figure[data-photo]");
    if (first === null) continue;
    const link = liveLink(first.dataset.photo, hash, "open in the live view");
    link.setAttribute("aria-label", `${heading.textContent.trim()}: open in the live view`);
    heading.after(link);
  }
}

function liveLink(number, hash, text) {
  return Object.assign(document.createElement("a"), {
    href: liveAddress(number, hash),
    textContent: text,
    className: "live",
  });
}

/** Lets links within the report scroll: to follow them would replace the token in the page's address. */
function keepToken(event) {
  const link = event.target.closest?.('a[href^="#"]');
  const goal = link && document.getElementById(link.getAttribute("href").slice(1));
  if (!goal) return;
  event.preventDefault();
  if (goal instanceof HTMLDetailsElement) goal.open = true;
  goal.scrollIntoView();
  goal.tabIndex = -1; // the next Tab goes on from there
  goal.focus({ preventScroll: true });
}

async function show() {
  try {
    const { html, live } = await fetchJson("/report/content");
    const report = new DOMParser().parseFromString(html, "text/html");
    document.title = report.title;
    document.documentElement.lang = report.documentElement.lang || "en";
    document.head.append(...report.querySelectorAll("style"));
    document.body.replaceChildren(...report.body.childNodes);
    const back = document.createElement("a"), first = document.createElement("li");
    Object.assign(back, { href: `/${location.hash}`, textContent: live ? "Live view" : "Mark more photographs" });
    first.append(back);
    (document.querySelector("nav ul") ?? document.body).prepend(first);
    if (live) addLiveLinks(document.body, location.hash);
    document.body.addEventListener("click", keepToken);
    document.body.dataset.ready = "yes";
  } catch (error) {
    document.getElementById("notice").textContent = error.status ? error.message : "The server cannot be reached.";
  }
}

if (typeof document !== "undefined") show();
