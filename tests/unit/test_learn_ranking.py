"""Rankings of candidates: by hand, by sklearn and by simulation; what ranks them: likelihoods, Tanimoto similarity."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from learn import ranking
from learn.pair_scores import likelihood_sides, tanimoto
from learn.ranking import Ranking


def test_metrics_are_those_counted_by_hand() -> None:
    # The first query has relevant candidates at ranks 2 and 12, the second at 1, the third at 30.
    found = Ranking(tuple(np.array(ranks) for ranks in ([2, 12], [1], [30])), 40)
    assert ranking.scores(found) == pytest.approx(
        {
            "ndcg_1": 1 / 3,
            "ndcg_10": ((1 / np.log2(3)) / (1 + 1 / np.log2(3)) + 1) / 3,
            "hit_1": 1 / 3,
            "hit_10": 2 / 3,
            "mrr": (1 / 2 + 1 + 1 / 30) / 3,
            "median_rank": 2,
        }
    )


def test_ndcg_is_sklearns() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(50, 23))
    relevance = rng.random((50, 23)) < rng.uniform(0.05, 0.7, (50, 1))
    relevance[:, 3] = True
    found = ranking.by_query(
        Ranking(tuple(ranking.rank(s, np.flatnonzero(r)) for s, r in zip(scores, relevance, strict=True)), 23)
    )
    for cut in (1, 10):
        expected = [ndcg_score([r.astype(int)], [s], k=cut) for s, r in zip(scores, relevance, strict=True)]
        np.testing.assert_allclose(found[f"ndcg_{cut}"], expected)


def test_ties_and_what_cannot_be_scored_stand_against_the_relevant() -> None:
    assert ranking.rank([1.0, 1.0, 1.0, 1.0], [1]).tolist() == [4]
    assert ranking.rank([2.0, 1.0, 1.0, 0.0], [0, 2]).tolist() == [1, 3]
    assert ranking.rank([np.nan, 1.0, np.nan], [0]).tolist() == [3]
    assert ranking.rank([np.nan, 1.0, -5.0], [2]).tolist() == [2]


def test_chance_is_that_of_a_simulation() -> None:
    rng = np.random.default_rng(1)
    relevant, candidates, rounds = [1, 1, 2, 5], 14, 4000
    simulated = [
        ranking.rank(rng.permutation(candidates), np.arange(count)) for _ in range(rounds) for count in relevant
    ]
    expected = ranking.scores(Ranking(tuple(simulated), candidates))
    found = ranking.chance(relevant, candidates)
    assert found == pytest.approx(expected, abs=0.015)
    assert found["hit_1"] == pytest.approx(np.mean(relevant) / candidates)
    first = np.sort([ranks[0] for ranks in simulated])
    curve = np.searchsorted(first, np.arange(1, candidates + 1), side="right") / len(first)
    np.testing.assert_allclose(ranking.chance_curve(relevant, candidates), curve, atol=0.015)


def test_chance_of_one_among_many_by_hand() -> None:
    found = ranking.chance([1] * 7, 100)
    assert found["hit_10"] == pytest.approx(0.1)
    assert found["ndcg_10"] == pytest.approx((1 / np.log2(np.arange(2, 12))).sum() / 100)
    assert found["mrr"] == pytest.approx((1 / np.arange(1, 101)).mean())
    assert found["median_rank"] == 50
    assert ranking.chance([2], 3)["hit_10"] == 1  # fewer candidates than 10


def test_intervals_draw_groups_as_a_whole() -> None:
    hit = np.arange(60) % 3 == 0
    by_itself = Ranking(tuple(np.array([1 if one else 50]) for one in hit), 60)
    narrow = ranking.intervals(by_itself, [str(i) for i in range(60)])["hit_1"]
    assert narrow.low < 1 / 3 < narrow.high
    # sqrt(p (1 - p) / n) of independent queries
    assert narrow.high - narrow.low == pytest.approx(2 * 1.96 * np.sqrt(2 / 9 / 60), rel=0.15)
    together = Ranking(tuple(np.array([1 if one else 50]) for one in np.repeat(hit[:6], 10)), 60)
    wide = ranking.intervals(together, [str(i // 10) for i in range(60)])["hit_1"]
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)
    assert np.isnan(ranking.intervals(by_itself, ["a"] * 60)["mrr"].low)
    medians = ranking.intervals(Ranking(tuple(np.array([r]) for r in range(1, 61)), 60), [str(i) for i in range(60)])
    assert 15 < medians["median_rank"].low < 30 < medians["median_rank"].high < 45


# --- scores of pairs


def test_likelihood_is_the_mean_over_known_features() -> None:
    rng = np.random.default_rng(2)
    logits, values = rng.normal(0, 3, (5, 7)), rng.random((6, 7))
    values[rng.random(values.shape) < 0.3] = np.nan
    values[4] = np.nan
    sides = likelihood_sides(logits, values)
    p = 1 / (1 + np.exp(-logits))
    expected = np.full((5, 6), np.nan)
    for i in range(5):
        for j in (0, 1, 2, 3, 5):
            terms = [
                x * np.log(q) + (1 - x) * np.log(1 - q) for x, q in zip(values[j], p[i], strict=True) if not np.isnan(x)
            ]
            expected[i, j] = sum(terms) / len(terms)
    np.testing.assert_allclose(sides.molecules @ sides.profiles.T, expected, rtol=1e-4)
    general = rng.normal(size=7)
    ratio = likelihood_sides(logits, values, general)
    without = likelihood_sides(np.repeat(general[None], 5, 0), values)
    np.testing.assert_allclose(
        ratio.molecules @ ratio.profiles.T, expected - without.molecules @ without.profiles.T, rtol=1e-3, atol=1e-5
    )


def test_both_directions_read_the_same_scores() -> None:
    rng = np.random.default_rng(3)
    sides = likelihood_sides(rng.normal(size=(4, 5)), rng.random((6, 5)))
    scores = sides.molecules @ sides.profiles.T
    own = (np.array([0, 1]), np.array([2]), np.array([3]))
    assert [r.tolist() for r in sides.rank_profiles((*own, np.array([3]))).ranks] == [
        ranking.rank(row, which).tolist() for row, which in zip(scores, (*own, [3]), strict=True)
    ]
    owners = (np.array([0]), np.array([0]), np.array([1]), np.array([2, 3]))
    found = sides.rank_molecules(owners)
    assert found.candidates == 4
    assert [r.tolist() for r in found.ranks] == [
        ranking.rank(scores[:, column], which).tolist() for column, which in enumerate(owners)
    ]


def test_tanimoto_by_hand() -> None:
    one = np.array([[1, 1, 0, 1], [0, 0, 0, 0]], dtype=np.float32)
    other = np.array([[1, 0, 0, 1], [0, 0, 1, 0], [0, 0, 0, 0]], dtype=np.float32)
    np.testing.assert_allclose(tanimoto(one, other), [[2 / 3, 0, 0], [0, 0, 0]])
