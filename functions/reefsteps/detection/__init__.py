"""Instance segmentation of photographs: the only package that knows inference frameworks.

``load_detector`` returns a ``Detector`` for a converted model. ``Detector.detect`` takes a BGR picture of any size. It
returns ``Detections`` in that picture's pixels, as detectron2's DefaultPredictor would.
"""

from reefsteps.detection.detections import Detections, InstanceMask
from reefsteps.detection.detector import Detector, load_detector
from reefsteps.detection.manifest import Manifest

__all__ = ["Detections", "Detector", "InstanceMask", "Manifest", "load_detector"]
