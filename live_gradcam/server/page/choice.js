// The choice: what a viewer has chosen to be explained, the question that comes of it, and the choice in words.
//
// A choice is {method, layer, target, contrast}. `layer` null: the last feature map; `target` null: whatever is most
// probable, else the number of a class or what was typed; `contrast`: against the runner-up, or of a value what lowers it.

const PANES = 4;

/** Returns what is chosen where nobody has chosen anything. */
export function defaultChoice({ method, layer, target }) {
  return { method, layer, target: target ?? null, contrast: false };
}

/** Returns the target as the server takes it. `answer` is the newest, or null: it tells what there is to set against. */
export function wantedTarget({ target, contrast }, { values }, answer) {
  if (!contrast) return target;
  const subject = target ?? "#1";
  if (values) {
    const id = answer?.maps[0].target.id;
    return `${typeof target === "string" && target !== "#1" && id >= 0 ? id : subject} -`;
  }
  return `${subject} - #${rivalRank(target, answer)}`;
}

/** Returns which of the most probable classes a target is set against, from 1 on. */
function rivalRank(target, answer) {
  return target === null || target === "#1" || target === answer?.top[0]?.[0] ? 2 : 1;
}

/** Returns what is to be asked of each frame; `panes` is how many the view has. */
export function questionOf(choice, setup, answer, view, panes) {
  const methods = [choice.method];
  let targets = [wantedTarget(choice, setup, answer)];
  if (view === "methods") {
    const quick = setup.methods.filter((each) => each.quick && each.name !== "cam").map((each) => each.name);
    const at = Math.max(0, quick.indexOf(choice.method));
    for (let i = 1; methods.length < PANES; i++) methods.push(quick[(at + i) % quick.length]);
  }
  if (view === "targets") targets = Array.from({ length: panes }, (_, i) => `#${i + 1}`);
  return { methods, layer: choice.layer, targets };
}

/** Says what of a choice is not the default, for a small line: as `chosen_in_words` of live/choice.py. */
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
