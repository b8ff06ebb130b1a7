// The actions of the page: a handler for each action of the server's table.

import { toggleFull } from "./full_screen.js";
import { STYLES } from "./heat_painter.js";
import { nextShare } from "./proof.js";

const OPACITY_STEP = 0.05;
const RANKS = [1, 2, 3, 4, 5];

const byId = (id) => document.getElementById(id);
const after = (list, item, step = 1) => list[(list.indexOf(item) + step + list.length) % list.length];

/** Returns action → handler. A test checks that every action of the server's table has one, and presses its key. */
export function handlers(page) {
  const { grid, setup } = page;
  const look = (changes, said) => {
    Object.assign(grid.look, changes);
    page.controls.show();
    page.say(said);
  };
  const opacity = (step) => {
    const alpha = Math.min(1, Math.max(0, Math.round((grid.look.alpha + step) / OPACITY_STEP) * OPACITY_STEP));
    look({ alpha }, `heat ${Math.round(100 * alpha)}%`);
  };
  const method = (step) => page.choose({ method: after(setup.methods.map((each) => each.name), page.method, step) });
  const layer = (step) => {
    const paths = setup.layers.map((each) => each.path);
    if (!paths.length) return page.say("the layers are still being listed");
    const at = paths.indexOf(page.layer ?? page.usualLayer);
    const next = at < 0 ? paths.length - 1 : Math.min(paths.length - 1, Math.max(0, at + step));
    // The usual layer is requested as null: that graph is already compiled.
    page.choose({ layer: paths[next] === page.usualLayer ? null : paths[next] });
    page.say(`${paths[next]}  ${setup.layers[next].shape}`);
  };
  const toggle = (id) => {
    byId(id).hidden = !byId(id).hidden;
    page.controls.show();
  };
  return {
    help: () => (byId("help").open ? byId("help").close() : byId("help").showModal()),
    freeze: () => page.freeze(grid.frozen === null),
    record: () => {
      const problem = page.recorder.running ? page.recorder.stop() : page.recorder.start();
      if (problem) page.say(problem);
      page.controls.show();
    },
    snapshot: async () => page.say((await page.recorder.snapshot()) ?? "saved"),
    "method-next": () => method(1),
    "method-previous": () => method(-1),
    "layer-shallower": () => layer(-1),
    "layer-deeper": () => layer(1),
    ...Object.fromEntries(RANKS.map((rank) => [`pin-${rank}`, () => page.pin(rank)])),
    automatic: () => page.choose({ target: null, contrast: false }),
    lock: () => {
      const id = page.answer?.maps[0].target.id;
      if (page.target !== null) page.choose({ target: null });
      else if (id !== undefined && id >= 0) page.choose({ target: id });
      else page.say("there is nothing to keep to yet");
    },
    contrast: () => page.choose({ contrast: !page.contrast }),
    search: () => {
      byId("target").focus();
      byId("target").select();
    },
    whole: () => page.setArea([0, 0, 1, 1]),
    style: () => {
      const style = after(STYLES, grid.look.style);
      look({ style }, style === "heat" ? "heat alone" : style);
    },
    colormap: () => {
      const colormap = after(Object.keys(grid.palettes), grid.look.colormap);
      look({ colormap }, colormap);
    },
    "opacity-up": () => opacity(OPACITY_STEP),
    "opacity-down": () => opacity(-OPACITY_STEP),
    view: () => page.setView(after(grid.views, grid.view)),
    badge: () => {
      page.choose({ badge: !page.badge });
      page.plate.forgetTest();
      page.say(page.badge ? "the heat is tested" : "the heat is not tested");
    },
    share: () => {
      page.choose({ share: nextShare(page.share) });
      page.say(`the hottest ${Math.round(100 * page.share)}%`);
    },
    curves: () => {
      const curves = !page.curves && grid.size[0] > 0;
      if (curves && grid.frozen === null) page.freeze(true);
      page.choose({ curves });
      page.say(curves ? "how the answer changes along the heat" : "without curves");
    },
    "scale-bar": () => toggle("scale"),
    statistics: () => toggle("statistics"),
    mirror: () => {
      grid.setMirrored(!grid.mirrored);
      page.controls.show();
    },
    reset: () => page.reset(),
    fullscreen: async () => {
      const problem = await toggleFull();
      if (problem) page.say(problem);
      page.controls.show();
    },
  };
}
