"""What a deployment costs, by the one table of prices."""

from __future__ import annotations

import pytest

from deploy.cost import Assumed, cost_of, cost_text, prices
from tests.deploy.samples import settings

WEEKDAYS = ["Tue", "Wed", "Thu", "Fri", "Sat"]
ONE_A_ROUND = [{"days": WEEKDAYS, "at": ["12:05"]}]
PLAIN = Assumed(run=10, pull=0)


def test_the_documented_example_comes_to_what_is_documented() -> None:
    cost = cost_of(settings(location="eastus", triggers=ONE_A_ROUND), PLAIN)
    assert cost.run == pytest.approx(0.0194, abs=5e-5)
    assert cost.starts == pytest.approx(21.74, abs=0.01)
    assert cost.runs == pytest.approx(cost.run * cost.starts)
    assert cost.runs == pytest.approx(0.42, abs=0.01)
    assert (cost.registry, cost.workflows) == (0, 0)


def test_the_pull_of_the_image_is_paid_for() -> None:
    found = settings(triggers=ONE_A_ROUND)
    with_pull = cost_of(found, Assumed(run=10, pull=5))
    assert with_pull.run == pytest.approx(1.5 * cost_of(found, PLAIN).run)


def test_further_starts_have_nothing_to_do() -> None:
    thrice = [{"days": WEEKDAYS, "at": ["12:05", "12:25", "12:45"]}]
    cost = cost_of(settings(triggers=thrice))
    weeks = cost.starts / 15
    assert cost.runs == pytest.approx(weeks * (5 * cost.run + 10 * cost.idle_run))
    assert cost.idle_run < cost.run / 5
    assert cost.most > 2 * cost.runs


def test_waiting_counts_in_what_it_costs_at_most() -> None:
    waiting = cost_of(settings(triggers=[{**ONE_A_ROUND[0], "wait": "10m"}]), PLAIN)
    assert waiting.most == pytest.approx(2 * waiting.runs)


def test_numerais_calls_are_starts() -> None:
    cost = cost_of(settings(triggers=[{"webhook": True}]))
    assert cost.starts == cost_of(settings(triggers=ONE_A_ROUND)).starts


def test_a_check_costs_its_own_minutes_and_is_no_run() -> None:
    check = {"days": WEEKDAYS, "at": ["06:00"], "command": "check"}
    found = settings(location="eastus", triggers=[*ONE_A_ROUND, check])
    cost, without = (
        cost_of(s, PLAIN) for s in (found, settings(location="eastus", triggers=ONE_A_ROUND))
    )
    assert cost.check == pytest.approx((0.0405 + 0.00445) / 60)
    assert cost.checks == pytest.approx(cost.check * cost.starts)
    assert (cost.starts, cost.runs, cost.most) == (without.starts, without.runs, without.most)
    assert cost.month == pytest.approx(without.month + cost.checks)
    assert "checks a month (about 22)" in cost_text(cost)
    assert "a check takes 1m (assumed) and the pull" in cost_text(cost)
    assert "check" not in cost_text(without)


def test_checks_take_their_share_of_the_free_actions() -> None:
    at = [f"{hour}:{minute:02}" for hour in range(24) for minute in range(0, 60, 5)]
    checks = {"days": ["Mon", *WEEKDAYS], "at": at, "command": "check"}
    cost = cost_of(settings(triggers=[checks]))
    assert (cost.starts, cost.runs) == (0, 0)
    assert cost.workflows == pytest.approx((cost.checks_made * 2 - 4000) * 0.000025)


def test_a_registry_costs_more_than_the_job() -> None:
    private = {"registry": {"acr": "myjobs"}, "image": "myjobs.azurecr.io/job:1"}
    cost = cost_of(settings(**private))
    assert cost.registry == pytest.approx(5.08, abs=0.01)
    assert cost.month == pytest.approx(cost.runs + cost.registry + cost.storage)
    assert "container registry a month" in cost_text(cost)
    assert "container registry" not in cost_text(cost_of(settings()))


def test_more_actions_than_are_free_are_paid_for() -> None:
    at = [f"{hour}:{minute:02}" for hour in range(24) for minute in range(0, 60, 5)]
    cost = cost_of(settings(triggers=[{"days": ["Mon", *WEEKDAYS], "at": at}]))
    actions = cost.starts * 2
    assert cost.workflows == pytest.approx((actions - 4000) * 0.000025)


def test_a_region_without_a_price_is_reckoned_as_the_dearest_and_says_so() -> None:
    there, known = cost_of(settings(location="japaneast")), cost_of(settings())
    assert there.run == known.run > cost_of(settings(location="eastus")).run
    assert any("no price of japaneast is known" in note for note in there.notes)
    assert not any("no price" in note for note in known.notes)


def test_says_when_the_prices_were_read_and_what_was_measured() -> None:
    text = cost_text(cost_of(settings(), Assumed(run=4.5, measured=True)))
    assert f"{prices().date})" in text
    assert "a run takes 4m30s (measured)" in text
    assert "(assumed)" in cost_text(cost_of(settings()))


def test_nothing_that_starts_costs_nothing_but_storage() -> None:
    cost = cost_of(settings(triggers=[]))
    assert (cost.runs, cost.most, cost.month) == (0, 0, cost.storage)
