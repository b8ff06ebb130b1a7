// The viewer's choice, the question for the server, and the choice as text.
//
// A choice is {method, layer, target, contrast, share, badge, curves}. `layer` null: the last feature map. `target` null: the most
// probable class; else the number of a class or the typed text. `contrast`: against the runner-up; for a value: what
// lowers it. `share`: of the area that the hottest part takes in a proof. `badge`: whether heat is tested now and then.
// `curves`: whether the curves of the heat are measured on the frozen picture.

const PANES = 4;

/** Returns the default choice. */
export function defaultChoice({ method, layer, target, share }) {
  return { method, layer, target: target ?? null, contrast: false, share, badge: true, curves: false };
}

/** Returns the target in the server's notation. `answer` is the newest or null; it names the rival of a contrast. */
export function wantedTarget({ target, contrast }, { values }, answer) {
  if (!contrast) return target;
  const subject = target ?? "#1";
  if (values) {
    const id = answer?.maps[0].target.id;
    return `${typeof target === "string" && target !== "#1" && id >= 0 ? id : subject} -`;
  }
  return `${subject} - #${rivalRank(target, answer)}`;
}

/** Returns the rank (from 1) of the class against which a target is contrasted. */
function rivalRank(target, answer) {
  return target === null || target === "#1" || target === answer?.top[0]?.[0] ? 2 : 1;
}

/** Returns the question for each frame; `panes` is the number of panes of the view. */
export function questionOf(choice, setup, answer, view, panes) {
  const methods = [choice.method];
  let targets = [wantedTarget(choice, setup, answer)];
  if (view === "methods") {
    const quick = setup.methods.filter((each) => each.quick && each.any_network).map((each) => each.name);
    const at = Math.max(0, quick.indexOf(choice.method));
    for (let i = 1; methods.length < PANES; i++) methods.push(quick[(at + i) % quick.length]);
  }
  if (view === "targets") targets = Array.from({ length: panes }, (_, i) => `#${i + 1}`);
  const proves = view === "proof";
  const { layer, curves } = choice;
  return { methods, layer, targets, share: proves ? choice.share : null, badge: choice.badge && !proves, curves };
}

/** Returns the parts of a choice that differ from the default as text: like `chosen_in_words` of live/choice.py. */
export function choiceText(choice, setup, answer, view) {
  const said = [];
  if (choice.method !== setup.usual_method && view !== "methods") said.push(choice.method);
  if (choice.layer !== null) said.push(`layer ${choice.layer.split(",").map((path) => path.split("/").at(-1)).join(", ")}`);
  if (view !== "targets") said.push(targetText(choice, setup, answer));
  return said.filter(Boolean).join(" · ");
}

function targetText({ target, contrast }, { labels, values }, answer) {
  const name = target === null ? "" : typeof target === "number" ? (labels[target] ?? `class ${target}`) : target;
  if (!contrast) return name;
  if (values) return `what lowers ${name || "it"}`;
  const rival = name && answer?.top[rivalRank(target, answer) - 1];
  return rival ? `${name} − ${rival[1]}` : "first − second";
}
