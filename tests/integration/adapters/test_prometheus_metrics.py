"""Prometheus: one process's numbers, as they are rendered."""

import logging

import pytest

from postkeep.adapters.prometheus_metrics import FOLDER, PrometheusMetrics


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch) -> PrometheusMetrics:
    """Count in this process alone."""
    monkeypatch.delenv(FOLDER, raising=False)
    return PrometheusMetrics("1.2.3")


def lines(metrics: PrometheusMetrics, name: str) -> list[str]:
    """Return the samples of a metric."""
    return [line for line in metrics.render().decode().splitlines() if line.startswith(name)]


def test_requests_are_counted_by_method_route_and_status(metrics: PrometheusMetrics) -> None:
    """Methods that nobody knows are one: anybody could make up as many series as they like."""
    metrics.count_request("GET", "/livez", 200, 0.002)
    metrics.count_request("GET", "/livez", 200, 0.2)
    metrics.count_request("BREW", None, 405, 0.1)
    assert lines(metrics, "postkeep_http_requests_total") == [
        'postkeep_http_requests_total{method="GET",route="/livez",status="200"} 2.0',
        'postkeep_http_requests_total{method="other",route="none",status="405"} 1.0',
    ]
    within = 'postkeep_http_request_duration_seconds_bucket{le="0.0025",method="GET",route="/livez"}'
    assert lines(metrics, within) == [f"{within} 1.0"]


def test_what_others_count_is_taken_as_it_grows(metrics: PrometheusMetrics) -> None:
    """Looking twice must not count twice."""
    metrics.sample({"connections": 3}, {"cache_hits": 5})
    metrics.sample({"connections": 2}, {"cache_hits": 9})
    assert lines(metrics, "postkeep_cache_hits_total") == ["postkeep_cache_hits_total 9.0"]
    assert lines(metrics, "postkeep_connections") == ["postkeep_connections 2.0"]


def test_events_are_counted_by_name(metrics: PrometheusMetrics) -> None:
    """Requests have numbers of their own."""
    for name in ("login_failed", "login_failed", "request"):
        metrics.count_event(logging.makeLogRecord({"msg": name, "levelname": "WARNING", "name": "postkeep.x"}))
    events = lines(metrics, "postkeep_events_total")
    assert [line for line in events if not line.endswith(" 0.0")] == [
        'postkeep_events_total{event="login_failed",level="warning"} 2.0'
    ]


def test_what_may_wake_somebody_is_there_before_it_happens(metrics: PrometheusMetrics) -> None:
    """The first of a kind must be an increase; a series that begins at 1 has not risen when it is first seen."""
    assert 'postkeep_events_total{event="failed",level="error"} 0.0' in lines(metrics, "postkeep_events_total")


def test_each_process_has_its_own_numbers(metrics: PrometheusMetrics) -> None:
    """Two applications in one process, as tests have them, do not count each other's."""
    metrics.count_request("GET", "/livez", 200, 0.002)
    assert lines(PrometheusMetrics("1.2.3"), "postkeep_http_requests_total") == []
    assert lines(metrics, "postkeep_build_info") == ['postkeep_build_info{version="1.2.3"} 1.0']
