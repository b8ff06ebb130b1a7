"""Set two networks side by side: what each says about a photo, and which pixels made it say so.

python examples/compare_two_networks.py photo.jpg both.png efficientnet-lite0 vgg16
"""

import sys

import cv2
import numpy as np

import live_gradcam as lg

photo, out, *names = sys.argv[1:5]
image = cv2.imread(photo)
halves = []
for name in names:
    explanation = lg.Explainer(lg.load_model(name)).explain(image)
    print(f"{name}: {', '.join(map(str, explanation.top[:3]))}")
    halves.append(lg.draw(image, explanation, bars=True))
cv2.imwrite(out, np.hstack(halves))
