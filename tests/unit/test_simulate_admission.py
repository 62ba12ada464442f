"""The simulation by which the admission of runs was chosen, and the bars that the built design has to meet."""

import json
from pathlib import Path

import pytest

from scripts import simulate_admission as simulation
from scripts.simulate_admission import RETRIES, Design, SimulatedOutcome, designs, simulate, start_in_an_idle_system_s

PIPELINE = Path(__file__).resolve().parents[2] / "statemachine" / "pipeline.asl.json"
BUILT = designs(10)[-1]


@pytest.fixture(scope="module")
def season() -> SimulatedOutcome:
    """Ten thousand photographs at once on the ten slots of a new account, beside a backfill."""
    return simulate(BUILT, photos=10_000, slots=10, backfill=500)


def test_nothing_is_lost(season: SimulatedOutcome) -> None:
    assert (season.photos, season.measured, season.lost) == (10_500, 10_500, 0)


def test_the_slots_are_kept_busy(season: SimulatedOutcome) -> None:
    assert season.times_needed <= 1.1


def test_retries_and_waiting_are_cheap(season: SimulatedOutcome) -> None:
    assert season.retries_usd < 0.05
    assert season.retries_usd + season.waiting_usd < 0.05


def test_the_first_in_is_about_the_first_out(season: SimulatedOutcome) -> None:
    assert len(season.started) > 9_900  # the rest was stopped by somebody before it began
    assert season.out_of_order < 1_000


def test_a_photograph_in_an_idle_system_starts_within_three_seconds() -> None:
    assert start_in_an_idle_system_s(BUILT, slots=10) < 3


def test_an_event_that_comes_twice_starts_one_run(season: SimulatedOutcome) -> None:
    assert season.twice > 0


@pytest.mark.parametrize("chance", ["_END_LOST", "_END_TWICE", "_STOPPED", "_CRASHES"])
def test_places_come_back_however_often_things_go_wrong(chance: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, chance, 0.2)
    assert simulate(BUILT, photos=300, slots=10, backfill=50).lost <= (300 * 4 * 0.2**3 * 4 if "CRASH" in chance else 0)


def test_a_lost_event_costs_a_minute_and_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "_END_LOST", 1.0)
    assert simulate(BUILT, photos=200, slots=10).lost == 0


def test_retries_alone_lose_photographs_or_cost_too_much() -> None:
    until_now, ten_minutes = designs(10)[:2]
    assert simulate(until_now, photos=10_000, slots=10).lost > 1_000
    waited = simulate(ten_minutes, photos=10_000, slots=10)
    assert waited.lost == 0
    assert waited.retries_usd > 0.5


def test_the_simulation_retries_as_the_pipeline_does() -> None:
    states = json.loads(PIPELINE.read_text())["States"]
    for step in ("Restoration", "Reframing", "Segmentation", "Coverage"):
        (retrier,) = [r for r in states[step]["Retry"] if r["ErrorEquals"] == ["Lambda.TooManyRequestsException"]]
        assert retrier["IntervalSeconds"] == RETRIES.interval_s
        assert retrier["BackoffRate"] == RETRIES.rate
        assert retrier["MaxDelaySeconds"] == RETRIES.longest_s
        assert retrier["MaxAttempts"] == RETRIES.attempts
        assert retrier["JitterStrategy"] == "FULL"


def test_throttling_is_waited_out_for_two_hours_on_average() -> None:
    assert RETRIES.mean_total_s() / 3600 == pytest.approx(2, abs=0.1)


def test_a_simulation_can_be_repeated() -> None:
    once, again = (simulate(BUILT, photos=500, slots=10, seed=3) for _ in range(2))
    assert (once.took_s, once.retries) == (again.took_s, again.retries)


def test_more_runs_than_slots_are_throttled_and_fewer_never() -> None:
    few = simulate(Design("few", RETRIES, 5), photos=200, slots=10)
    many = simulate(Design("many", RETRIES, 40), photos=200, slots=10)
    assert few.retries < 20 < many.retries
