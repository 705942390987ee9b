"""The last heartbeat as Prometheus metrics on a port of this machine (extra `metrics`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pm_data.errors import UsageError
from pm_data.jsonlib import JsonObject

if TYPE_CHECKING:
    from prometheus_client.core import Metric

PREFIX = "pm_data_capture"

_COUNTERS = {
    "received": "frames_received",
    "written": "frames_written",
    "dropped": "frames_dropped",
    "received_bytes": "bytes_received",
    "written_bytes": "bytes_written",
    "dropped_bytes": "bytes_dropped",
    "durable_frames": "frames_durable",
    "durable_bytes": "bytes_durable",
}
_GAUGES = {"queued": "queued_frames", "queued_bytes": "queued_bytes", "queued_oldest_ms": "queued_oldest_ms"}
_QUANTILES = ("loop_lag_ms", "received_to_written_ms", "received_to_enqueued_ms")


class Exporter:
    """Serves the metrics until the process ends; told of each heartbeat.

    Args:
        host: address to listen on; by default nobody but this machine's own processes can read.

    Raises:
        UsageError: prometheus-client is not installed, or the port cannot be had.
    """

    def __init__(self, host: str, port: int) -> None:
        try:
            from prometheus_client import CollectorRegistry, start_http_server
        except ImportError:
            raise UsageError(
                "capture_metrics_port needs prometheus-client: pip install 'pm_data[metrics]'"
            ) from None
        self._beat: JsonObject | None = None
        registry = CollectorRegistry()
        registry.register(self)
        try:
            start_http_server(port, host, registry)
        except OSError as error:
            raise UsageError(
                f"capture_metrics_port: cannot listen on {host} port {port}: {error.strerror}"
            ) from None

    def note(self, beat: JsonObject) -> None:
        """Take a heartbeat; any thread may call it."""
        self._beat = beat

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics; none before the first heartbeat."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        beat = self._beat
        if beat is None:
            return
        for kind, names in ((CounterMetricFamily, _COUNTERS), (GaugeMetricFamily, _GAUGES)):
            for field, name in names.items():
                family = kind(f"{PREFIX}_{name}", f"{field} of the heartbeat, by shard", labels=["shard"])
                for shard in beat["shards"]:
                    family.add_metric([str(shard["shard"])], shard[field])
                yield family
        coverage = GaugeMetricFamily(
            f"{PREFIX}_coverage_percent", "tokens that have a book", labels=["shard"]
        )
        for shard in beat["shards"]:
            if shard["coverage_pct"] is not None:
                coverage.add_metric([str(shard["shard"])], shard["coverage_pct"])
        yield coverage
        for field in _QUANTILES:
            family = GaugeMetricFamily(
                f"{PREFIX}_{field}", f"{field} in the last second", labels=["quantile"]
            )
            for quantile, value in beat[field].items():
                if value is not None:
                    family.add_metric([quantile], value)
            yield family
        reconnects = CounterMetricFamily(
            f"{PREFIX}_reconnects", "attempts to connect again", labels=["cause"]
        )
        for cause, count in beat["reconnects"].items():
            reconnects.add_metric([cause], count)
        yield reconnects
        yield CounterMetricFamily(f"{PREFIX}_gaps", "gap records in the stream", value=beat["gaps"])
        if beat["disk_free_bytes"] is not None:
            yield GaugeMetricFamily(f"{PREFIX}_disk_free_bytes", "free space", value=beat["disk_free_bytes"])
        yield GaugeMetricFamily(
            f"{PREFIX}_heartbeat_timestamp_seconds",
            "wall clock at the last heartbeat",
            value=beat["hb_wall_ns_utc"] / 1e9,
        )
