// What the live view has of a report: a link to it, and the photograph that a link from it names.

import { authorised } from "./connection.js";

const byId = (id) => document.getElementById(id);

/** Returns the number of the photograph that the page's address names, as in `/?photo=7`; null if it names none. */
export function photoOfAddress(search) {
  const number = new URLSearchParams(search).get("photo");
  return /^\d{1,9}$/.test(number ?? "") ? Number(number) : null;
}

/** Shows the link to the report, and opens the photograph that the address names. */
export async function openReport(page) {
  const number = photoOfAddress(location.search);
  Object.assign(byId("report"), { hidden: !page.setup.report, href: `/report${location.hash}` });
  if (number === null) return;
  if (!page.setup.report) return page.say("This server shows no report: start it with --report DIR.", true);
  try {
    const response = await fetch(`/report/photos/${number}`, { headers: authorised() });
    if (!response.ok) return page.say((await response.json()).detail, true);
    await page.opening.file(new File([await response.blob()], `photo ${number}.jpg`, { type: "image/jpeg" }));
  } catch {
    page.say("The server cannot be reached.", true);
  }
}
