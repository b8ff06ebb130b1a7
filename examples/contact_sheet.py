"""Make a contact sheet of a folder: every photo with its heat and its name, four in a row.

python examples/contact_sheet.py photos sheet.jpg
"""

import sys
from pathlib import Path

import cv2
import numpy as np

import live_gradcam as lg

SIDE, COLUMNS = 320, 4

folder, out = sys.argv[1:3]
explainer = lg.Explainer(lg.load_model("efficientnet-lite0"))
tiles = []
for path in sorted(Path(folder).iterdir()):
    image = cv2.imread(str(path))
    if image is None:
        print(f"{path.name} is no picture", file=sys.stderr)
        continue
    picture = lg.draw(image, explainer.explain(image))
    scale = SIDE / max(picture.shape[:2])
    picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    height, width = picture.shape[:2]
    tile = np.zeros((SIDE, SIDE, 3), np.uint8)
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    tile[top : top + height, left : left + width] = picture
    tiles.append(tile)
if not tiles:
    sys.exit(f"there is no picture in {folder}")
tiles += [np.zeros((SIDE, SIDE, 3), np.uint8)] * (-len(tiles) % COLUMNS)
rows = [np.hstack(tiles[at : at + COLUMNS]) for at in range(0, len(tiles), COLUMNS)]
cv2.imwrite(out, np.vstack(rows))
