"""Explain a photo: what is on it, which pixels say so, and the picture beside it.

python examples/explain_a_photo.py cat.jpg explained.png
"""

import sys

import cv2

import live_gradcam as lg

photo, out = sys.argv[1:3]
image = cv2.imread(photo)
explanation = lg.Explainer(lg.load_model("efficientnet-lite0")).explain(image)
for prediction in explanation.top:
    print(prediction)
if not explanation.has_evidence:
    print("no evidence: the map is rounding noise, and no heat is drawn")
cv2.imwrite(out, lg.draw(image, explanation, bars=True))
