// Answers of a network that runs in the page: what the server otherwise computes, by the same rules.

import { classNamed, exactly } from "./class_search.js";
import { figure } from "./label_plate.js";

const ROWS = 5;
const UNSURE = 0.3, LABEL_HOLDS = 0.5; // as in number_format.py
const NO_RIVAL = -1000000, STRONGEST_RIVALS = -1000001, REVERSED = -1000002; // as in explain/targets.py
const MOST_RANKS = 16;
const WEAK = 0.4, FAINT = 0.12, NEARLY_BELIEVED = [0.85, 1], LIKE_RECOGNISED = [0.5, 0.65], LIKELY = [0.4, 0.6];
const RISE = 0.1, CEILING_FALL = 60; // seconds; this line and the last as in render/heat_smoothing.py
const GAP = "   ";

// Targets

/**
 * Returns the aim of a target: {id, rival, strength, automatic}, as `parse_target` in explain/targets.py.
 * `facts` are {labels, translations, synonyms, rivals, strength}: see `page_setup_of` in server/own_page.py.
 * Throws an error with a message for the viewer.
 */
export function aimOf(target, facts) {
  const { rivals, strength } = facts;
  if (typeof target === "string" && !exactly(target, facts).length) {
    const dash = /\s+[-−–]\s*|\s*[-−–]\s+|\s*[-−–]$/.exec(target.trim());
    if (dash !== null) {
      const first = target.trim().slice(0, dash.index), second = target.trim().slice(dash.index + dash[0].length);
      const id = classOf(first || null, facts);
      return second ? aimAt(id, classOf(second, facts), 1) : aimAt(id, REVERSED, strength);
    }
  }
  const id = classOf(target, facts);
  return rivals ? aimAt(id, STRONGEST_RIVALS, strength) : aimAt(id, NO_RIVAL, 0);
}

function aimAt(id, rival, strength) {
  return { id, rival, strength, automatic: id < 0 && [NO_RIVAL, STRONGEST_RIVALS].includes(rival) };
}

function classOf(name, names) {
  if (name === null) return -1;
  const text = String(name).trim(), rank = /^#\s*(\d+)$/.exec(text);
  if (rank === null) return classNamed(name, names);
  const most = Math.max(1, Math.min(MOST_RANKS, names.labels.length)), number = Number(rank[1]);
  if (number < 1 || number > most) throw new Error(`There is no rank ${text}: there are #1 to #${most}.`);
  return -number;
}

// Answers

/** Makes answers of a network's results; it remembers the peaks of recognised things. */
export class AnswerMaker {
  /** @param facts {labels, units, task, method, layer, shape, region, inset}: see `facts` in server/own_page.py. */
  constructor(facts) {
    this.facts = facts;
    this.recognised = 0;
    this.at = 0;
  }

  /**
   * Returns an answer, as `answer_message` in messages.py describes it.
   *
   * @param results for each asked target the arrays of the network's outputs, by name: see `explain/export/page_contents.py`.
   * @param aims for each its aim.
   * @param now in seconds.
   */
  answer(results, aims, now) {
    const { facts } = this, { task } = facts, scores = Array.from(results[0].scores);
    const finite = scores.every(Number.isFinite);
    const top = task === "classes" && !finite ? [] : ranked(scores, task).map((id) => this.prediction(id, scores));
    const maps = results.map((result, i) => this.map(result, aims[i], scores, finite, top, now));
    const [first] = maps;
    return {
      task,
      finite,
      top: top.slice(0, ROWS).map(({ id, label, probability, value, unit }) => [id, label, probability, value, unit]),
      caption: captionOf(first, top, task, finite, 0 < first.likeness && first.likeness < WEAK),
      maps,
      test: null,
      compiling: null,
      batch: 1,
      picture: null,
    };
  }

  prediction(id, scores, broken = false) {
    const { labels, units, task } = this.facts, number = broken || !Number.isFinite(scores[id]) ? null : scores[id];
    const probability = task === "values" || number === null ? null : Math.min(1, Math.max(0, number));
    return { id, label: labels[id] ?? "", probability, value: number, unit: task === "values" ? (units[id] ?? "") : "" };
  }

  map(result, aim, scores, finite, top, now) {
    const { method, layer, shape, region, inset, task } = this.facts, broken = task === "classes" && !finite;
    const own = this.prediction(Number(result.class_id[0]), scores, broken);
    const rivals = Array.from(result.rivals ?? [], Number).filter((id) => id >= 0);
    const lowers = task === "values" && aim.rival === REVERSED;
    const others = rivals.map((id) => this.prediction(id, scores).label).join(", ");
    const target = { ...own, lowers, contrast: rivals.length > 0 };
    if (rivals.length) target.label = `${own.label} − ${others}`;
    if (lowers) target.label = `${own.label} −`;
    const peak = Number(result.peak[0]), evidence = Number(result.evidence[0]) > 0, { automatic } = aim;
    const map = { method, layer, target, own, automatic, evidence };
    const trust = confidence(map, top, task), likeness = evidence ? this.likeness(peak, automatic && trust === 1, now) : 0;
    // A clamped array rounds as `np.rint` does.
    const heat = new Uint8Array(Uint8ClampedArray.from(result.heatmap, (value) => 255 * value).buffer);
    const opacity = opacityOf(trust, likeness);
    return { ...map, opacity, likeness, shape, peak, region, inset, things: null, heat };
  }

  /** Returns a peak divided by the recent peak of recognised things: as `RelativePeaks` in render/heat_smoothing.py. */
  likeness(peak, sure, now) {
    const since = now - this.at;
    this.at = now;
    if (sure) {
      const kept = Math.exp(-since / (peak > this.recognised ? RISE : CEILING_FALL));
      this.recognised = this.recognised ? peak + (this.recognised - peak) * kept : peak;
    }
    return this.recognised ? peak / this.recognised : 0;
  }
}

const plain = (text) => text.split(/\s+/).filter(Boolean).join(" ");

/** Returns the numbers of classes, best first; of values those of the first, in their order. */
function ranked(scores, task) {
  const ids = [...scores.keys()];
  if (task === "values") return ids;
  const known = ids.filter((id) => Number.isFinite(scores[id]));
  return known.sort((one, other) => scores[other] - scores[one] || one - other).slice(0, ROWS);
}

const needed = (task) => (task === "multi-label" ? LABEL_HOLDS : UNSURE);

function confidence({ automatic }, top, task) {
  if (!automatic || task === "values" || !top.length) return 1;
  return Math.min(1, (top[0].probability ?? 0) / needed(task));
}

const smooth = (value, [begin, end]) => {
  const share = Math.min(1, Math.max(0, (value - begin) / (end - begin)));
  return share * share * (3 - 2 * share);
};

function opacityOf(trust, likeness) {
  const like = smooth(likeness, LIKE_RECOGNISED) * smooth(trust, LIKELY);
  return FAINT + (1 - FAINT) * Math.max(smooth(trust, NEARLY_BELIEVED), like);
}

/** Returns the caption: as `caption_of` in render/caption.py. */
function captionOf(map, top, task, finite, weak) {
  const { target, own, automatic, evidence } = map;
  const said = (label, percent, note, more = {}) => ({ label, percent, note, in_chart: false, sure: true, ...more });
  if (task === "values" || !top.length) return captionOfValue(map, top, task, finite, said);
  const labels = task === "multi-label", [first] = top, sure = (first.probability ?? 0) >= needed(task);
  const [label, percent] = sure ? [plain(first.label), figure(first)] : [labels ? "no label" : "not sure", ""];
  const other = target.contrast || target.lowers || own.id !== first.id;
  const full = fullName(target), perhaps = `perhaps ${fullName(first)}`, asked = !sure && !automatic;
  if (!evidence) return said(label, percent, other ? `no evidence for ${full}` : "no evidence", { sure });
  if (asked || other) {
    const heat = `${weak ? "weak heat" : "heat"} for ${asked ? nameOf(target) : full}`;
    if (!asked) return said(label, percent, heat, { sure });
    return said(heat, figureOf(target), other ? `${labels ? "no label" : "not sure"}: ${perhaps}` : label, { sure: false });
  }
  if (!sure) return said(label, percent, perhaps, { in_chart: true, sure });
  if (weak) return said(label, percent, "weak heat");
  const others = labels ? top.slice(1).filter((each) => (each.probability ?? 0) >= LABEL_HOLDS) : top.slice(1, 3);
  return said(label, percent, others.map((each) => fullName(each)).join(GAP), { in_chart: true });
}

function captionOfValue({ target, own, evidence }, top, task, finite, said) {
  const notFinite = "the network gives NaN or infinity";
  if (!finite && task !== "values") return said("no answer", "", notFinite, { sure: false });
  if (own.value === null) return said(plain(own.label), "", notFinite, { sure: false });
  const number = figure(own, top);
  if (!evidence) {
    const why = target.contrast ? `nothing raises ${fullName(target)}` : `nothing ${target.lowers ? "lowers" : "raises"} it`;
    return said(plain(own.label), number, why);
  }
  if (target.contrast || target.lowers) return said(plain(own.label), number, `heat for ${fullName(target)}`);
  const others = top.filter((each) => each.id !== own.id).slice(0, 3);
  return said(plain(own.label), number, others.map((each) => fullName(each, top)).join(GAP), { in_chart: true });
}

const nameOf = ({ lowers, label }) => plain(lowers ? `what lowers ${label.replace(/ −$/, "")}` : label);
const figureOf = (target, beside) => (target.lowers || target.contrast ? "" : figure(target, beside));
const fullName = (target, beside) => `${nameOf(target)} ${figureOf(target, beside)}`.trimEnd();
